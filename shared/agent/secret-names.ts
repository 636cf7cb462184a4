/** The end of a name that holds a secret. `token_count` is not one, because what counts stands last. */
const STEMS = [
  "passw(?:or)?d|passphrase|passcode|pwd|(?<=[_.-])pass",
  "secret(?:[_-]?key(?:[_-]?base)?)?",
  "token|(?<=_)pat",
  "(?:api|access|private|signing|encryption|master|account|auth|subscription|service|storage|shared[_-]?access)[_-]?key",
  "credentials?|(?<=[_-])auth",
  "authorization|cookie|bearer",
  "(?<=[?&;])sig|x-(?:amz|goog)-signature",
].join("|");

const END_OF_NAME = String.raw`\d{0,3}`;
const ASSIGNS = String.raw`(?:\\{0,4}["'\x60]|\])?[ \t]{0,4}(?:=>|:=|={1,3}|:|%3D)[ \t]{0,4}`;
const FOLLOWED = String.raw`[ \t]{1,4}(?:is[ \t]{1,2})?(?=[^ \t\r\n])`;

/** A secret's name and what joins it to its value. Groups: the stem, the joint. */
export function secretAssignments(): RegExp {
  return new RegExp(`(${STEMS})${END_OF_NAME}(${ASSIGNS}|${FOLLOWED})`, "gi");
}

const WHOLE_NAME = new RegExp(`(?:${STEMS})${END_OF_NAME}$`, "i");

/** Whether a field of this name holds a secret, such as `dbPassword`, `client_secret` or `x-api-key`. */
export function isSecretName(name: string): boolean {
  return name.length <= 200 && WHOLE_NAME.test(name);
}

/** What to call a value with this name in its mark. */
export function kindOfName(stem: string): string {
  const name = stem.toLowerCase();
  if (name.startsWith("pass") || name === "pwd") return "password";
  if (name === "token" || name === "bearer" || name === "pat") return "token";
  if (name.endsWith("key")) return "api-key";
  if (name === "authorization" || name === "cookie") return name;
  if (name.endsWith("sig") || name.endsWith("signature")) return "signature";
  return "secret";
}
