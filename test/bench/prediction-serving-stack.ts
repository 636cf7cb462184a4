import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";

export interface PredictionStack {
  insights: FunctionProcess;
  noOp: FunctionProcess;
  key: string;
  organizationId: string;
  admin: Client;
  /** Learns, checks how many executions that were, and resolves with the milliseconds it took. */
  learn: (mode: "incremental" | "full", learned: number) => Promise<number>;
  close: () => Promise<void>;
}

const PASSWORD = "benchmark";

/** PostgreSQL with the durability of production, and each function in a process of its own beside a no-op. */
export async function startPredictionStack(): Promise<PredictionStack> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
  undo.defer(() => postgres.stop());
  const adminDatabaseUrl = postgres.url("postgres");
  await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
  await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
  const { organizationId, key } = await createTenant(adminDatabaseUrl);
  const DATABASE_URL = adminDatabaseUrl.replace("netra_owner", "netra_service");
  const patterns = await startFunctionProcess("patterns", { DATABASE_URL, NETRA_CALLER_AUTH: "platform" });
  undo.defer(async () => void (await patterns.end("SIGTERM")));
  const insights = await startFunctionProcess("insights", {
    DATABASE_URL,
    // Predictions do not ask it.
    CLICKHOUSE_URL: "http://default:none@127.0.0.1:9/netra_analytics",
    NETRA_REQUESTS_PER_SECOND: "1000000",
  });
  undo.defer(async () => void (await insights.end("SIGTERM")));
  const noOp = await startFunctionProcess("no-op", {}, { source: "test/bench/no-op/index.ts" });
  undo.defer(async () => void (await noOp.end("SIGKILL")));
  const admin = new Client({ connectionString: adminDatabaseUrl });
  await admin.connect();
  undo.defer(() => admin.end());
  const learn: PredictionStack["learn"] = async (mode, expected) => {
    const startedAt = performance.now();
    const response = await fetch(`${patterns.url}/run?mode=${mode}&only=predictions`, { method: "POST" });
    const answer: unknown = await response.json();
    const took = performance.now() - startedAt;
    const learned =
      typeof answer === "object" && answer !== null && "learned" in answer ? answer.learned : null;
    if (learned !== expected)
      throw new Error(`${String(learned)} of ${expected} were learned: ${JSON.stringify(answer)}`);
    return took;
  };
  const opened = undo.move();
  return { insights, noOp, key, organizationId, admin, learn, close: () => opened.disposeAsync() };
}
