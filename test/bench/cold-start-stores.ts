import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { startClickHouse } from "../../local/embedded-clickhouse.ts";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { startCloudSql } from "../helpers/cloud-sql-server.ts";
import { type FirstAnswer, firstAnswers } from "../helpers/first-answers.ts";
import { closeServer, listenOn, startMetadataServer } from "../helpers/google-metadata.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";
import { createGithubSource } from "./webhooks-source.ts";

interface ColdStartStores {
  answers: Record<string, FirstAnswer>;
  /** Of a function that reaches PostgreSQL directly, and of one that goes through Cloud SQL's connector. */
  env: Record<string, string>;
  cloudSqlEnv: Record<string, string>;
}

const PASSWORD = "benchmark";
const LOGIN = "netra_service";
const PROJECT = "netra-bench";
const CONNECTION_NAME = `${PROJECT}:europe-west1:ledger`;
/** A loopback address of the benchmark's own: the connector knows one port only. */
const CLOUD_SQL_HOST = "127.0.0.4";

/** Everything the functions ask, on this machine; what is to be undone is added as it is started. */
export async function startColdStartStores(
  folder: string,
  undo: (() => Promise<unknown>)[],
): Promise<ColdStartStores> {
  const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
  undo.push(() => postgres.stop());
  const clickhouse = await startClickHouse({ directory: join(folder, "clickhouse"), password: PASSWORD });
  undo.push(() => clickhouse.stop());
  const adminDatabaseUrl = postgres.url("postgres");
  const clickhouseUrl = clickhouse.url("netra_analytics");
  await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
  await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up" });
  await ensureServiceLogin(adminDatabaseUrl, { user: LOGIN, password: PASSWORD });
  const { organizationId, key } = await createTenant(adminDatabaseUrl);
  const secret = randomBytes(24).toString("base64url");
  const endpointId = await asOwner(adminDatabaseUrl, (sql) =>
    createGithubSource(sql, organizationId, "env:BENCH_SECRET"),
  );
  const common = {
    CLICKHOUSE_URL: clickhouseUrl,
    PUBSUB_EMULATOR_HOST: `127.0.0.1:${await startPubSub(undo)}`,
    NETRA_CALLER_AUTH: "platform",
    BENCH_SECRET: secret,
  };
  return {
    answers: firstAnswers({ key, endpointId, secret }),
    env: { ...common, DATABASE_URL: adminDatabaseUrl.replace("netra_owner", LOGIN) },
    cloudSqlEnv: { ...common, ...(await startGoogle(folder, postgres.port, undo)) },
  };
}

/** Takes every message and does nothing with it. */
async function startPubSub(undo: (() => Promise<unknown>)[]): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json" }).end('{"messageIds":["1"]}');
  });
  const { port } = await listenOn(server, "127.0.0.1", 0);
  undo.push(() => closeServer(server));
  return port;
}

async function startGoogle(
  folder: string,
  postgresPort: number,
  undo: (() => Promise<unknown>)[],
): Promise<Record<string, string>> {
  const metadata = await startMetadataServer({ projectId: PROJECT, email: "bench@netra.test" });
  undo.push(metadata.close);
  const cloudSql = await startCloudSql({
    connectionName: CONNECTION_NAME,
    host: CLOUD_SQL_HOST,
    postgresPort,
    accountOf: metadata.accountOf,
  });
  undo.push(cloudSql.close);
  const secrets = join(folder, "secrets");
  await mkdir(secrets);
  await writeFile(join(secrets, "password"), PASSWORD);
  return {
    ...metadata.env,
    INSTANCE_CONNECTION_NAME: CONNECTION_NAME,
    DATABASE_NAME: "postgres",
    DATABASE_USER: LOGIN,
    DATABASE_PASSWORD_SECRET: "file:password",
    NETRA_SECRETS_DIR: secrets,
    NETRA_CLOUD_SQL_API_URL: cloudSql.apiUrl,
  };
}
