import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { type FileHandle, open, readFile, rename, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const LOG_BYTES_MAX = 10 * 1024 * 1024;

/** Whether a process with this id runs, whoever owns it; one that has ended and was not yet reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return !isZombie(pid);
}

/** The state is the first field of proc(5) after the name in brackets; other systems have no such file. */
function isZombie(pid: number): boolean {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8");
    return /^\) [ZX] /.test(fields.slice(fields.lastIndexOf(")")));
  } catch {
    return false;
  }
}

export function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export function untilExit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (hasExited(child)) resolve();
    else child.once("exit", () => resolve());
  });
}

/** Waits until the child has ended; false when it is still there after `timeoutMs`. */
export async function waitForExit(child: ChildProcess, timeoutMs: number): Promise<boolean> {
  if (hasExited(child)) return true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onExit = (): void => resolve(true);
  const timer = setTimeout(() => resolve(false), timeoutMs);
  child.once("exit", onExit);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.off("exit", onExit);
  }
}

/** Waits until no process has this id any more; false when one still has it after `timeoutMs`. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isRunning(pid)) {
    if (Date.now() > deadline) return false;
    await delay(25);
  }
  return true;
}

/** Opens a log file for appending; one that has grown past `LOG_BYTES_MAX` is set aside as `<file>.1` first. */
export async function openLog(file: string): Promise<FileHandle> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(file, `${file}.1`);
  return open(file, "a", 0o600);
}

/** The last lines of a log file, for an error message; a sentence of its own when it cannot be read. */
export async function readLastLines(file: string, count = 12): Promise<string> {
  try {
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    return lines.slice(-count).join("\n");
  } catch {
    return `(no log at ${file})`;
  }
}
