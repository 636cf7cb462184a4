import { Client } from "pg";
import { migrateClickHouse } from "../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../migrations/postgres-migrations.ts";
import type { DataFolder, Secrets } from "./data-folder.ts";
import { type EmbeddedClickHouse, startClickHouse } from "./embedded-clickhouse.ts";
import { type EmbeddedPostgres, startPostgres } from "./embedded-postgres.ts";
import { ensureServiceLogin } from "./service-login.ts";

const DATABASE = "netra";
const ANALYTICS = "netra_analytics";
const SERVICE = "netra_service";

export interface Databases {
  databaseUrl: string;
  adminDatabaseUrl: string;
  clickhouseUrl: string;
}

/** Starts both servers; what was started is handed to `parts`, which stops it. */
export async function startServers(
  folder: DataFolder,
  secrets: Secrets,
  parts: AsyncDisposableStack,
): Promise<{ postgres: EmbeddedPostgres; clickhouse: EmbeddedClickHouse }> {
  const [postgres, clickhouse] = await Promise.allSettled([
    startPostgres({ directory: folder.file("postgres"), password: secrets.ownerPassword }),
    startClickHouse({ directory: folder.file("clickhouse"), password: secrets.clickhousePassword }),
  ]);
  if (postgres.status === "fulfilled") parts.defer(() => postgres.value.stop());
  if (clickhouse.status === "fulfilled") parts.defer(() => clickhouse.value.stop());
  if (postgres.status === "rejected") throw postgres.reason;
  if (clickhouse.status === "rejected") throw clickhouse.reason;
  return { postgres: postgres.value, clickhouse: clickhouse.value };
}

/** Brings both databases to the newest schema and makes the login of the functions. */
export async function migrateServers(
  servers: { postgres: EmbeddedPostgres; clickhouse: EmbeddedClickHouse },
  secrets: Secrets,
  note: (detail: string) => void,
): Promise<Databases> {
  await createDatabase(servers.postgres.url("postgres"));
  const adminDatabaseUrl = servers.postgres.url(DATABASE);
  const clickhouseUrl = servers.clickhouse.url(ANALYTICS);
  const onProgress = ({ database, name }: { database: string; name: string }): void =>
    note(`${database} ${name}`);
  await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up", onProgress });
  await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up", onProgress });
  const login = { user: SERVICE, password: secrets.servicePassword };
  await ensureServiceLogin(adminDatabaseUrl, login);
  const databaseUrl = new URL(adminDatabaseUrl);
  databaseUrl.username = login.user;
  databaseUrl.password = login.password;
  return { databaseUrl: databaseUrl.href, adminDatabaseUrl, clickhouseUrl };
}

async function createDatabase(serverUrl: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}
