import { type ChildProcess, fork } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ClickHouseOrders } from "./clickhouse-process.ts";
import { hasExited, openLog, readLastLines, untilExit, waitForExit } from "./processes.ts";

const USER = "netra";
const START_MS = 60_000;
const STOP_MS = 30_000;
const START_TRIES = 6;

const answer = z.union([z.object({ port: z.int() }), z.object({ error: z.string() })]);

export interface ClickHouseOptions {
  /** Folder for the engine's files; made when absent. */
  directory: string;
  password: string;
  /** A free port is chosen when none is given. */
  port?: number;
}

export interface EmbeddedClickHouse {
  port: number;
  /** The address of a database, as the ClickHouse client takes it. */
  url: (database: string) => string;
  /** Resolves when the engine's process has ended, whoever ended it. */
  ended: Promise<void>;
  stop: () => Promise<void>;
  /** Ends the engine at once, as a crash would. */
  kill: () => Promise<void>;
}

/** Starts the embedded ClickHouse engine in a process of its own and resolves when it answers over HTTP. */
export async function startClickHouse(options: ClickHouseOptions): Promise<EmbeddedClickHouse> {
  await mkdir(options.directory, { recursive: true });
  const logFile = join(options.directory, "clickhouse.log");
  for (let attempt = 1; ; attempt += 1) {
    const child = await forkEngine(logFile);
    const outcome = await firstAnswer(child, { ...options, user: USER, port: options.port ?? 0 });
    if ("port" in outcome) {
      const { port } = outcome;
      return {
        port,
        url: (database) =>
          `http://${USER}:${encodeURIComponent(options.password)}@127.0.0.1:${port}/${database}`,
        ended: untilExit(child),
        stop: () => stopEngine(child),
        kill: () => killEngine(child),
      };
    }
    await killEngine(child);
    if (attempt === START_TRIES || !mayPass(outcome.error)) {
      throw new Error(`ClickHouse did not start: ${outcome.error}\n${await readLastLines(logFile)}`);
    }
    await delay(250 * attempt);
  }
}

/** The engine of an earlier start is still closing the folder, or its port is not yet free. */
function mayPass(error: string): boolean {
  return /EADDRINUSE|lock|another server|already (running|in use)/i.test(error);
}

async function forkEngine(logFile: string): Promise<ChildProcess> {
  const log = await openLog(logFile);
  try {
    return fork(fileURLToPath(new URL("clickhouse-process.ts", import.meta.url)), {
      detached: true,
      env: { PATH: process.env["PATH"] ?? "", TZ: "UTC", UV_THREADPOOL_SIZE: "16" },
      execArgv: [],
      stdio: ["ignore", log.fd, log.fd, "ipc"],
    });
  } finally {
    await log.close();
  }
}

async function firstAnswer(
  child: ChildProcess,
  orders: ClickHouseOrders,
): Promise<{ port: number } | { error: string }> {
  const { promise, resolve } = Promise.withResolvers<{ port: number } | { error: string }>();
  const timer = setTimeout(() => resolve({ error: `no answer within ${START_MS} ms` }), START_MS);
  child.once("message", (message) => resolve(answer.parse(message)));
  child.once("error", (error) => resolve({ error: error.message }));
  child.once("exit", (code, signal) => resolve({ error: `the process ended (${code ?? signal})` }));
  child.send({
    directory: orders.directory,
    port: orders.port,
    user: orders.user,
    password: orders.password,
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function stopEngine(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return;
  if (child.connected) child.send("stop");
  else child.kill("SIGTERM");
  if (!(await waitForExit(child, STOP_MS))) await killEngine(child);
}

async function killEngine(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return;
  child.kill("SIGKILL");
  await waitForExit(child, STOP_MS);
}
