import { execFile } from "node:child_process";
import { readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isRunning, waitUntilGone } from "./processes.ts";

const FAST_STOP_MS = 15_000;
const HARD_STOP_MS = 5_000;

/**
 * Ends a server that an earlier start left behind on this data directory (its starter was killed), and removes the
 * lock file of one that is long gone and whose process id now belongs to somebody else.
 */
export async function clearLeftover(
  dataDirectory: string,
): Promise<"none" | "stopped" | "removed lock file"> {
  const lockFile = join(dataDirectory, "postmaster.pid");
  const pid = Number((await readFile(lockFile, "utf8").catch(() => "")).split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1) return "none";
  if (!isRunning(pid)) return "none";
  if (!(await isServerOf(pid, dataDirectory))) {
    await rm(lockFile, { force: true });
    return "removed lock file";
  }
  process.kill(pid, "SIGINT");
  if (await waitUntilGone(pid, FAST_STOP_MS)) return "stopped";
  process.kill(pid, "SIGQUIT");
  if (await waitUntilGone(pid, HARD_STOP_MS)) return "stopped";
  throw new Error(
    `A PostgreSQL server (process ${pid}) still uses ${dataDirectory} and does not stop; end it first.`,
  );
}

async function isServerOf(pid: number, dataDirectory: string): Promise<boolean> {
  if (process.platform === "linux") {
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    return folder !== null && folder === (await realpath(dataDirectory));
  }
  const { stdout } = await promisify(execFile)("ps", ["-p", String(pid), "-o", "command="]).catch(() => ({
    stdout: "",
  }));
  return stdout.includes("postgres") && stdout.includes(dataDirectory);
}
