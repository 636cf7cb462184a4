/** Why the stack cannot start, with what to do about it: shown to people as it is. */
export class StartError extends Error {
  override name = "StartError";
}
