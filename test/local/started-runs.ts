import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject } from "vitest";
import { z } from "zod";
import { hasExited, waitForExit, waitUntilGone } from "../../local/processes.ts";

const SCRIPT = fileURLToPath(new URL("../../local/start.ts", import.meta.url));
export const READY_MS = 90_000;

const ready = z.strictObject({
  netra: z.literal("ready"),
  url: z.url(),
  apiKey: z.string().startsWith("ntr_"),
  organization: z.string(),
});
export type Ready = z.infer<typeof ready>;

const connection = z.object({
  url: z.string(),
  organizationId: z.string(),
  adminDatabaseUrl: z.string(),
});

export interface Run {
  child: ChildProcess;
  stdout: () => string;
  stderr: () => string;
}

const runs: Run[] = [];
const folders: string[] = [];

/** Starts the stack as npm would, so that it ends with this process. */
export function start(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    env: { ...process.env, npm_lifecycle_event: "start", ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const run = { child, stdout: () => out, stderr: () => err };
  runs.push(run);
  return run;
}

export async function untilReady(run: Run): Promise<Ready> {
  await expect
    .poll(() => run.stdout().endsWith("\n") || hasExited(run.child), { timeout: READY_MS, interval: 50 })
    .toBe(true);
  if (hasExited(run.child)) throw new Error(`it ended:\n${run.stderr()}`);
  return ready.parse(JSON.parse(run.stdout().trimEnd().split("\n").at(-1) ?? ""));
}

export async function end(run: Run, signal: NodeJS.Signals): Promise<number | null> {
  run.child.kill(signal);
  expect(await waitForExit(run.child, 60_000)).toBe(true);
  return run.child.exitCode;
}

export async function ended(run: Run): Promise<number | null> {
  expect(await waitForExit(run.child, 30_000)).toBe(true);
  return run.child.exitCode;
}

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(inject("testStack").folder, "start-"));
  folders.push(folder);
  return folder;
}

export async function readConnection(folder: string): Promise<z.infer<typeof connection>> {
  return connection.parse(JSON.parse(await readFile(join(folder, "connection.json"), "utf8")));
}

export async function readPid(folder: string): Promise<number> {
  return Number((await readFile(join(folder, "postgres", "data", "postmaster.pid"), "utf8")).split("\n")[0]);
}

/** Ends and removes everything that was started; for afterEach. */
export async function endAllRuns(): Promise<void> {
  for (const { child } of runs.splice(0)) {
    if (hasExited(child)) continue;
    child.kill("SIGKILL");
    await waitForExit(child, 10_000);
  }
  for (const folder of folders.splice(0)) {
    const pid = await readPid(folder).catch(() => null);
    if (pid !== null) await waitUntilGone(pid, 20_000);
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}
