import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { inject } from "vitest";
import { type EmbeddedClickHouse, startClickHouse } from "../../local/embedded-clickhouse.ts";
import { type EmbeddedPostgres, startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { findFreePort } from "./ports.ts";
import { removeRunFolder } from "./run-folder.ts";

/*
 * Servers of a test's own, to be stopped, killed and started again on the same port with the same data. They are the
 * embedded ones whatever TEST_STACK says, and the run's folder holds their files.
 */

const PASSWORD = "local tests only";

interface OwnServer {
  stop: () => Promise<void>;
  kill: () => Promise<void>;
  start: () => Promise<void>;
  /** Stops the server if it runs and removes its files. */
  close: () => Promise<void>;
}

export interface OwnPostgres extends OwnServer {
  databaseUrl: string;
  adminDatabaseUrl: string;
}

export interface OwnClickHouse extends OwnServer {
  clickhouseUrl: string;
}

/** A migrated PostgreSQL server that only this test uses. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const directory = join(inject("testStack").folder, `postgres-${randomBytes(4).toString("hex")}`);
  const port = await findFreePort();
  const start = (): Promise<EmbeddedPostgres> =>
    startPostgres({ directory, password: PASSWORD, port, durable: false });
  const control = await controlServer(directory, start);
  const adminDatabaseUrl = control.server.url("postgres");
  const service = { user: "netra_service", password: PASSWORD };
  try {
    await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
    await ensureServiceLogin(adminDatabaseUrl, service);
  } catch (error) {
    await control.close();
    throw error;
  }
  return {
    ...control,
    adminDatabaseUrl,
    databaseUrl: adminDatabaseUrl.replace("netra_owner", service.user),
  };
}

/** A migrated ClickHouse engine that only this test uses; `adminDatabaseUrl` is where the migration's lock is taken. */
export async function startOwnClickHouse(adminDatabaseUrl: string): Promise<OwnClickHouse> {
  const directory = join(inject("testStack").folder, `clickhouse-${randomBytes(4).toString("hex")}`);
  const port = await findFreePort();
  const start = (): Promise<EmbeddedClickHouse> => startClickHouse({ directory, password: PASSWORD, port });
  const control = await controlServer(directory, start);
  const clickhouseUrl = control.server.url("netra_analytics");
  try {
    await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up" });
  } catch (error) {
    await control.close();
    throw error;
  }
  return { ...control, clickhouseUrl };
}

interface Running {
  url: (database: string) => string;
  stop: () => Promise<void>;
  kill: () => Promise<void>;
}

async function controlServer(
  directory: string,
  start: () => Promise<Running>,
): Promise<OwnServer & { server: Running }> {
  const server = await start();
  let running: Running | null = server;
  const end = async (how: "stop" | "kill"): Promise<void> => {
    const ending = running;
    running = null;
    await ending?.[how]();
  };
  return {
    server,
    stop: () => end("stop"),
    kill: () => end("kill"),
    start: async () => {
      running ??= await start();
    },
    close: async () => {
      await end("stop");
      await removeRunFolder(directory);
    },
  };
}
