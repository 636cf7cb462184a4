const VARIABLE = /^env:[A-Za-z_][A-Za-z0-9_]{0,199}$/;
/** Each part of the path begins with a letter, digit or _, so none leads upwards. */
const FILE = /^file:(?=.{1,200}$)[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;
/** A version by its number, its alias or `latest`, the newest one whatever its state. */
const VERSION = /^projects\/[a-z0-9.:-]{1,63}\/secrets\/[\w-]{1,255}\/versions\/[\w-]{1,63}$/;

/** Where a secret is: a variable, a file of the secrets folder, a version in Secret Manager; null for what is none of them. */
export function kindOfReference(reference: string): "variable" | "file" | "version" | null {
  if (VARIABLE.test(reference)) return "variable";
  if (FILE.test(reference)) return "file";
  return VERSION.test(reference) ? "version" : null;
}
