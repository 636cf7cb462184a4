import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startClickHouse } from "../../local/embedded-clickhouse.ts";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";

export interface IngestStack {
  ingest: FunctionProcess;
  noOp: FunctionProcess;
  key: string;
  organizationId: string;
  admin: Client;
  adminDatabaseUrl: string;
  clickhouseUrl: string;
  close: () => Promise<void>;
}

const PASSWORD = "benchmark";

/** The embedded servers with the durability of production, and the function in a process of its own beside a no-op. */
export async function startIngestStack(env: Readonly<Record<string, string>> = {}): Promise<IngestStack> {
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
    undo.push(() => postgres.stop());
    const clickhouse = await startClickHouse({ directory: join(folder, "clickhouse"), password: PASSWORD });
    undo.push(() => clickhouse.stop());
    const adminDatabaseUrl = postgres.url("postgres");
    const clickhouseUrl = clickhouse.url("netra_analytics");
    await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
    await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up" });
    await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
    const tenant = await createTenant(adminDatabaseUrl);
    const ingest = await startFunctionProcess("ingest", {
      DATABASE_URL: adminDatabaseUrl.replace("netra_owner", "netra_service"),
      CLICKHOUSE_URL: clickhouseUrl,
      NETRA_REQUESTS_PER_SECOND: "1000000",
      ...env,
    });
    undo.push(() => ingest.end("SIGTERM"));
    const noOp = await startFunctionProcess("no-op", {}, { source: "test/bench/no-op/index.ts" });
    undo.push(() => noOp.end("SIGKILL"));
    const admin = new Client({ connectionString: adminDatabaseUrl });
    await admin.connect();
    undo.push(() => admin.end());
    const { key, organizationId } = tenant;
    return { ingest, noOp, key, organizationId, admin, adminDatabaseUrl, clickhouseUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}
