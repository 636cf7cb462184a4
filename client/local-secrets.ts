import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "./atomic-file.ts";

// What shared/secret-source.ts reads as the name of a file.
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;

/**
 * Writes a secret as a file of the local server and returns the reference to it, `file:<name>`. The folder and the file
 * are for their owner alone. Take a new name for a new secret: servers keep what they have read for minutes.
 */
export function writeLocalSecret(dataDir: string, name: string, value: string): string {
  if (!NAME.test(name)) throw new Error(`a secret cannot be named "${name}"`);
  const folder = join(dataDir, "secrets");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The folder may have been there with other rights.
  chmodSync(folder, 0o700);
  writeAtomically(join(folder, name), value, { durable: true });
  return `file:${name}`;
}
