import { Client, type ClientBase } from "pg";
import { type CloudSqlAddress, CloudSqlPool } from "../shared/postgres/cloud-sql-pool.ts";
import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { errorText } from "./error-text.ts";
import { MigrationError } from "./migration-error.ts";

/** One connection, which ends with its block. */
export interface PostgresConnection extends AsyncDisposable {
  client: ClientBase;
}

const CONNECT_MS = 10_000;
/** A new instance of the platform may take a while until it reaches private addresses. */
const CLOUD_SQL_MS = 30_000;
const APPLICATION = "netra-migrate";

/** One connection of the owner's; throws MigrationError when the server does not take it. */
export function connectPostgres(address: DatabaseAddress): Promise<PostgresConnection> {
  return "cloudSql" in address ? connectCloudSql(address.cloudSql) : connectServer(address.databaseUrl);
}

/** Without a listener a lost connection would end the process; whoever waits for an answer gets the error anyway. */
function ignore(): void {}

async function connectServer(databaseUrl: string): Promise<PostgresConnection> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_MS,
  });
  client.on("error", ignore);
  try {
    await client.connect();
    return { client, [Symbol.asyncDispose]: () => client.end() };
  } catch (error) {
    throw new MigrationError(
      `PostgreSQL at ${client.host}:${client.port} did not accept the connection: ${errorText(error)}. Check that it runs (the local stack: npm start) and that NETRA_ADMIN_DATABASE_URL is its address.`,
      { cause: error },
    );
  }
}

/** As the functions connect, through Google's connector. */
async function connectCloudSql(address: CloudSqlAddress): Promise<PostgresConnection> {
  const pool = new CloudSqlPool(address, {
    max: 1,
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_MS,
    retryMs: CLOUD_SQL_MS,
    restsWhenAway: false,
    keepAlive: true,
    log: ignore,
  });
  pool.on("error", ignore);
  try {
    const client = await pool.connect();
    client.on("error", ignore);
    return {
      client,
      async [Symbol.asyncDispose]() {
        client.release(true);
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw new MigrationError(
      `Cloud SQL ${address.connectionName} did not accept the connection: ${errorText(error)}. Check that the instance runs, that this account has roles/cloudsql.client, and that DATABASE_USER and DATABASE_NAME are a login that owns the database, and the database.`,
      { cause: error },
    );
  }
}
