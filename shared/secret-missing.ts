/** There is no such secret, or not any more: nothing may go on with an earlier value of it. */
export class SecretMissing extends Error {
  constructor(reference: string, options?: ErrorOptions) {
    super(`there is no secret ${reference}`, options);
    this.name = "SecretMissing";
  }
}
