import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Environment } from "./command.ts";
import { UsageError } from "./exit-codes.ts";

/** Folder of what the client keeps between runs: $NETRA_STATE_DIR, else netra below $XDG_STATE_HOME or ~/.local/state. */
export function stateDir(env: Environment): string {
  const own = env["NETRA_STATE_DIR"];
  if (own !== undefined && own !== "") return resolve(own);
  const xdg = env["XDG_STATE_HOME"];
  if (xdg !== undefined && xdg.startsWith("/")) return join(xdg, "netra");
  return join(homedir(), ".local", "state", "netra");
}

/** Makes a folder only its owner can read. */
export function privateFolder(...parts: string[]): string {
  const path = join(...parts);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    const advice = "set NETRA_STATE_DIR to a folder that can be written";
    throw new UsageError(`${path} cannot be made${code}: ${advice}`, { cause: error });
  }
  return path;
}
