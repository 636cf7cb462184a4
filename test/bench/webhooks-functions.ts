import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { findFreePort } from "../../local/free-port.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";
import { endPubSub, forkPubSub } from "./webhooks-pubsub.ts";
import { createGithubSource } from "./webhooks-source.ts";

export interface WebhookFunctions {
  /** The address of a GitHub source. */
  webhookUrl: string;
  secret: string;
  eventsUrl: string;
  noOpUrl: string;
  admin: Client;
  /** From now on what is published is pushed to the events function; until then it goes nowhere. */
  startPushing: () => Promise<void>;
  close: () => Promise<void>;
}

const PASSWORD = "benchmark";

/** PostgreSQL with the durability of production, and webhooks, events, Pub/Sub and a no-op in processes of their own. */
export async function startWebhookFunctions(): Promise<WebhookFunctions> {
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  const start = async (
    target: string,
    env: Record<string, string>,
    source?: string,
  ): Promise<FunctionProcess> => {
    const started = await startFunctionProcess(target, env, source === undefined ? {} : { source });
    undo.push(() => started.end("SIGKILL"));
    return started;
  };
  try {
    const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
    undo.push(() => postgres.stop());
    const adminDatabaseUrl = postgres.url("postgres");
    await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
    await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
    const { organizationId } = await createTenant(adminDatabaseUrl);
    const admin = new Client({ connectionString: adminDatabaseUrl });
    await admin.connect();
    undo.push(() => admin.end());

    const pubsubPort = await findFreePort();
    let pubsub = await forkPubSub(pubsubPort);
    undo.push(() => endPubSub(pubsub));
    const secret = randomBytes(24).toString("base64url");
    const env = {
      DATABASE_URL: adminDatabaseUrl.replace("netra_owner", "netra_service"),
      PUBSUB_EMULATOR_HOST: `127.0.0.1:${pubsubPort}`,
      NETRA_CALLER_AUTH: "platform",
      BENCH_SECRET: secret,
    };
    const webhooks = await start("webhooks", env);
    const events = await start("events", env);
    const noOp = await start("plain-no-op", {}, "test/bench/plain-no-op/index.ts");
    const endpointId = await createGithubSource(admin, organizationId, "env:BENCH_SECRET");
    return {
      webhookUrl: `${webhooks.url}/github/${endpointId}`,
      secret,
      eventsUrl: events.url,
      noOpUrl: noOp.url,
      admin,
      async startPushing() {
        await endPubSub(pubsub);
        pubsub = await forkPubSub(pubsubPort, `${events.url}/push`);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
