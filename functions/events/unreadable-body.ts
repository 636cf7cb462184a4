/** The body is not what its sender's bodies are. Trying again does not help. */
export class UnreadableBody extends Error {
  constructor(options?: ErrorOptions) {
    super("the body is neither JSON nor a form that can be read", options);
    this.name = "UnreadableBody";
  }
}
