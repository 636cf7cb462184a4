import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

let counter = 0;

/**
 * Writes a file that is either there whole or not at all, readable by its owner only. With `durable` it also survives
 * a power cut. Synchronous, because a process on its way out has no later.
 */
export function writeAtomically(path: string, text: string, options: { durable: boolean }): void {
  const temporary = `${path}.${process.pid}-${(counter += 1)}.tmp`;
  const file = openSync(temporary, "wx", 0o600);
  try {
    try {
      const bytes = Buffer.from(text);
      let written = 0;
      while (written < bytes.length) written += writeSync(file, bytes, written);
      if (options.durable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (options.durable) syncFolder(dirname(path));
}

/** A rename is durable only once its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** True for the error of a file that is not there (any more). */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
