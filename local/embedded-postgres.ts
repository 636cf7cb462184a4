import { spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "./free-port.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import { clearLeftover } from "./postgres-leftover.ts";
import { serverEnvironment, spawnServer, stopServer, waitUntilReady } from "./postgres-server.ts";
import { readLastLines, untilExit } from "./processes.ts";
import { chooseRunAs, type RunAs } from "./unprivileged.ts";

const OWNER = "netra_owner";
const INITDB_MS = 120_000;
const START_TRIES = 6;

export interface PostgresOptions {
  /** Folder for the server's files; made when absent. */
  directory: string;
  /** Password of the owner; the first start of a folder sets it, later starts must bring the same. */
  password: string;
  /** A free port is chosen when none is given. */
  port?: number;
  /** false: no fsync and small buffers, for tests whose data may be lost in a power cut. */
  durable?: boolean;
}

export interface EmbeddedPostgres {
  port: number;
  /** The address of a database as its owner, a superuser. */
  url: (database: string) => string;
  /** Resolves when the server has ended, whoever ended it. */
  ended: Promise<void>;
  /** Shuts down: sessions end, the data is on disk when the promise resolves. */
  stop: () => Promise<void>;
  /** Ends the server at once, as a crash would. */
  kill: () => Promise<void>;
}

/** Starts a PostgreSQL server of our own on 127.0.0.1 and resolves when it answers. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const durable = options.durable ?? true;
  const binaries = await findPostgresBinaries();
  await mkdir(options.directory, { recursive: true });
  const directory = await realpath(options.directory);
  const dataDirectory = join(directory, "data");
  const logFile = join(directory, "postgres.log");
  const runAs = await chooseRunAs({ program: binaries.postgres, dataDirectory });
  if (!(await exists(join(dataDirectory, "PG_VERSION")))) {
    await initialize({ initdb: binaries.initdb, dataDirectory, runAs, password: options.password, durable });
  }
  await clearLeftover(dataDirectory);

  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    const url = (database: string): string =>
      `postgres://${OWNER}:${encodeURIComponent(options.password)}@127.0.0.1:${port}/${database}`;
    const server = await spawnServer({
      program: binaries.postgres,
      runAs,
      dataDirectory,
      logFile,
      port,
      durable,
    });
    const outcome = await waitUntilReady(server, url("postgres"));
    if (outcome === "ready") {
      return {
        port,
        url,
        ended: untilExit(server),
        stop: () => stopServer(server),
        kill: async () => {
          server.kill("SIGKILL");
          await stopServer(server);
        },
      };
    }
    await stopServer(server);
    const lines = await readLastLines(logFile);
    if (outcome !== "exited" || attempt === START_TRIES || !mayPass(lines)) {
      throw new Error(`PostgreSQL did not start (${outcome}). The end of ${logFile}:\n${lines}`);
    }
    await delay(250 * attempt);
  }
}

/** Another process took the port between choosing and binding, or the processes of a crashed server are still ending. */
function mayPass(lines: string): boolean {
  return /Address already in use|shared memory block|is the old server process|Is another postmaster/.test(
    lines,
  );
}

interface InitializeOptions {
  initdb: string;
  dataDirectory: string;
  runAs: RunAs;
  password: string;
  durable: boolean;
}

async function initialize(options: InitializeOptions): Promise<void> {
  const { dataDirectory, runAs } = options;
  const passwordFile = `${dataDirectory}.password`;
  await rm(dataDirectory, { recursive: true, force: true });
  await mkdir(dataDirectory, { mode: 0o700 });
  await writeFile(passwordFile, options.password, { mode: 0o600 });
  if (runAs.identity !== null) {
    await chown(dataDirectory, runAs.identity.uid, runAs.identity.gid);
    await chown(passwordFile, runAs.identity.uid, runAs.identity.gid);
  }
  try {
    await runInitdb(options, passwordFile);
  } catch (error) {
    await rm(dataDirectory, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function runInitdb(
  { initdb, dataDirectory, runAs, durable }: InitializeOptions,
  passwordFile: string,
): Promise<void> {
  const { file, args } = runAs.command(initdb, [
    `--pgdata=${dataDirectory}`,
    `--username=${OWNER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    ...(durable ? [] : ["--no-sync"]),
  ]);
  const child = spawn(file, args, {
    cwd: dataDirectory,
    env: serverEnvironment(),
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INITDB_MS,
    ...runAs.spawnIdentity,
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  if (code !== 0) throw new Error(`The PostgreSQL data folder could not be made:\n${said.trim()}`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
