import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Client, DatabaseError } from "pg";
import { hasExited, openLog, waitForExit } from "./processes.ts";
import type { RunAs } from "./unprivileged.ts";

const START_MS = 60_000;
const FAST_STOP_MS = 20_000;
const HARD_STOP_MS = 5_000;

export interface ServerOptions {
  program: string;
  runAs: RunAs;
  dataDirectory: string;
  logFile: string;
  port: number;
  durable: boolean;
}

/** Sized for a laptop; what matters to correctness (fsync, scram, UTC) is the same everywhere. */
function serverSettings(options: ServerOptions): Record<string, string> {
  return {
    listen_addresses: "127.0.0.1",
    port: String(options.port),
    unix_socket_directories: "",
    max_connections: "100",
    password_encryption: "scram-sha-256",
    timezone: "UTC",
    log_timezone: "UTC",
    log_min_messages: "warning",
    shared_buffers: options.durable ? "256MB" : "64MB",
    max_wal_size: options.durable ? "4GB" : "1GB",
    checkpoint_timeout: "15min",
    random_page_cost: "1.1",
    fsync: options.durable ? "on" : "off",
    synchronous_commit: options.durable ? "on" : "off",
    full_page_writes: options.durable ? "on" : "off",
  };
}

/** Starts the server in a session of its own, so that a Ctrl-C in the terminal reaches only its starter. */
export async function spawnServer(options: ServerOptions): Promise<ChildProcess> {
  const settings = Object.entries(serverSettings(options)).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  const { file, args } = options.runAs.command(options.program, ["-D", options.dataDirectory, ...settings]);
  const log = await openLog(options.logFile);
  try {
    const child = spawn(file, args, {
      cwd: options.dataDirectory,
      detached: true,
      env: serverEnvironment(),
      stdio: ["ignore", log.fd, log.fd],
      ...options.runAs.spawnIdentity,
    });
    await once(child, "spawn");
    watchStarter(child, options.dataDirectory);
    return child;
  } finally {
    await log.close();
  }
}

/** Only what a server needs: variables such as PGDATA or PGPORT of our own environment must not steer it. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
}

/**
 * A shell that waits for the end of a pipe we hold: when this process is killed the pipe closes, and the server is
 * told to shut down. It acts only while the server's lock file still names the process it was started for.
 */
function watchStarter(server: ChildProcess, dataDirectory: string): void {
  const script =
    'read -r line; [ "$line" = done ] && exit 0; read -r pid rest < "$2/postmaster.pid" && [ "$pid" = "$1" ] && kill -INT "$1"';
  const watcher = spawn(
    "/bin/sh",
    ["-c", script, "netra-postgres-watch", String(server.pid), dataDirectory],
    {
      cwd: "/",
      detached: true,
      env: serverEnvironment(),
      stdio: ["pipe", "ignore", "ignore"],
    },
  );
  watcher.once("error", () => server.kill("SIGINT"));
  watcher.stdin.once("error", () => watcher.kill());
  watcher.unref();
  if ("unref" in watcher.stdin && typeof watcher.stdin.unref === "function") watcher.stdin.unref();
  server.once("exit", () => watcher.stdin.end("done\n"));
}

/** Waits until the owner can log in. Whoever else may answer on the port, it is ours only while our server runs. */
export async function waitUntilReady(
  server: ChildProcess,
  databaseUrl: string,
): Promise<"ready" | "exited" | "refused the password" | "no answer in time"> {
  const stopWaiting = new AbortController();
  const exited = once(server, "exit", { signal: stopWaiting.signal }).then(
    () => "exited" as const,
    () => "exited" as const,
  );
  const deadline = Date.now() + START_MS;
  try {
    while (Date.now() < deadline) {
      if (hasExited(server)) return "exited";
      const answer = await Promise.race([exited, tryLogin(databaseUrl)]);
      if (answer === "refused the password" && (await waitForExit(server, 1_000))) return "exited";
      if (answer !== "no answer") return answer;
      await delay(50);
    }
    return "no answer in time";
  } finally {
    stopWaiting.abort();
  }
}

const WRONG_PASSWORD = new Set(["28P01", "28000"]);

async function tryLogin(databaseUrl: string): Promise<"ready" | "refused the password" | "no answer"> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
    return "ready";
  } catch (error) {
    return error instanceof DatabaseError && WRONG_PASSWORD.has(error.code ?? "")
      ? "refused the password"
      : "no answer";
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Fast shutdown: sessions are rolled back and the data is written; after a deadline the server is made to quit. */
export async function stopServer(server: ChildProcess): Promise<void> {
  for (const [signal, timeout] of [
    ["SIGINT", FAST_STOP_MS],
    ["SIGQUIT", HARD_STOP_MS],
    ["SIGKILL", HARD_STOP_MS],
  ] as const) {
    if (hasExited(server)) return;
    server.kill(signal);
    if (await waitForExit(server, timeout)) return;
  }
  throw new Error(`PostgreSQL (process ${server.pid}) does not end`);
}
