import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type EmbeddedClickHouse, startClickHouse } from "../../local/embedded-clickhouse.ts";
import { type EmbeddedPostgres, startPostgres } from "../../local/embedded-postgres.ts";
import { findFreePort } from "../../local/free-port.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";
import { endPubSub, forkPubSub } from "./webhooks-pubsub.ts";
import { createGithubSource } from "./webhooks-source.ts";

export const FUNCTIONS = [
  "ingest",
  "webhooks",
  "events",
  "patterns",
  "insights",
  "retention",
  "health",
] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

export interface SoakStack {
  url: (name: FunctionName) => string;
  key: string;
  organizationId: string;
  secret: string;
  webhookPath: string;
  adminDatabaseUrl: string;
  clickhouseUrl: string;
  /** Ends the function as the platform does when memory runs out, and starts it again. */
  killFunction: (name: FunctionName) => Promise<void>;
  /** Ends PostgreSQL as a crash would, and starts it again on the same files. */
  crashPostgres: () => Promise<void>;
  crashClickHouse: () => Promise<void>;
  /** Every message that was not delivered yet is gone. */
  loseMessages: () => Promise<void>;
  close: () => Promise<void>;
}

const PASSWORD = "benchmark";

/** Durable databases, every function in a process of its own, and Pub/Sub between them; each part can be killed. */
export async function startSoakStack(): Promise<SoakStack> {
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  const undo: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 }),
  ];
  const close = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    const postgresOptions = {
      directory: join(folder, "postgres"),
      password: PASSWORD,
      port: await findFreePort(),
    };
    let postgres: EmbeddedPostgres = await startPostgres(postgresOptions);
    undo.push(() => postgres.stop());
    const clickhouseOptions = {
      directory: join(folder, "clickhouse"),
      password: PASSWORD,
      port: await findFreePort(),
    };
    let clickhouse: EmbeddedClickHouse = await startClickHouse(clickhouseOptions);
    undo.push(() => clickhouse.stop());
    const adminDatabaseUrl = postgres.url("postgres");
    const clickhouseUrl = clickhouse.url("netra_analytics");
    await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
    await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up" });
    await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
    const { organizationId, key } = await createTenant(adminDatabaseUrl);
    const secret = randomBytes(24).toString("base64url");
    const endpointId = await makeSource(adminDatabaseUrl, organizationId);

    const pubsubPort = await findFreePort();
    const ports = new Map<FunctionName, number>();
    for (const name of FUNCTIONS) ports.set(name, await findFreePort());
    const url = (name: FunctionName): string => `http://127.0.0.1:${ports.get(name)}`;
    const env = {
      DATABASE_URL: adminDatabaseUrl.replace("netra_owner", "netra_service"),
      CLICKHOUSE_URL: clickhouseUrl,
      PUBSUB_EMULATOR_HOST: `127.0.0.1:${pubsubPort}`,
      NETRA_CALLER_AUTH: "platform",
      NETRA_ARCHIVE: join(folder, "archive"),
      BENCH_SECRET: secret,
    };
    const running = new Map<FunctionName, FunctionProcess>();
    const startFunction = async (name: FunctionName): Promise<void> => {
      running.set(name, await startFunctionProcess(name, env, { port: ports.get(name) }));
    };
    undo.push(() => Promise.all([...running.values()].map((one) => one.end("SIGKILL"))));
    for (const name of FUNCTIONS) await startFunction(name);
    let pubsub = await forkPubSub(pubsubPort, `${url("events")}/push`);
    undo.push(() => endPubSub(pubsub));

    return {
      url,
      key,
      organizationId,
      secret,
      webhookPath: `/github/${endpointId}`,
      adminDatabaseUrl,
      clickhouseUrl,
      async killFunction(name) {
        await running.get(name)?.end("SIGKILL");
        await startFunction(name);
      },
      async crashPostgres() {
        await postgres.kill();
        postgres = await startPostgres(postgresOptions);
      },
      async crashClickHouse() {
        await clickhouse.kill();
        clickhouse = await startClickHouse(clickhouseOptions);
      },
      async loseMessages() {
        await endPubSub(pubsub);
        pubsub = await forkPubSub(pubsubPort, `${url("events")}/push`);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeSource(adminDatabaseUrl: string, organizationId: string): Promise<string> {
  const admin = new Client({ connectionString: adminDatabaseUrl });
  await admin.connect();
  try {
    return await createGithubSource(admin, organizationId, "env:BENCH_SECRET");
  } finally {
    await admin.end();
  }
}
