import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { z } from "zod";
import { startClickHouse } from "../../local/embedded-clickhouse.ts";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";
import { addFindingsLedger } from "./findings-ledger.ts";
import { type BenchResult, result } from "./report.ts";

const PASSWORD = "benchmark";
const EXECUTIONS = 1_000_000;
const REPEATS = 5;
/** Nobody listens there. */
const AWAY = "http://netra:none@127.0.0.1:9/netra_analytics";

/** Nothing but reading the same rows and adding them up. */
const PLAIN = `
select workspace_context ->> 'repository', model_version, count(*), sum(total_tokens), sum(cost_usd)
from command_executions
where timestamp >= now() - interval '30 days' and status <> 'pending'
group by 1, 2`;

const relayed = z.object({ waiting: z.number() });
const answer = z.object({
  source: z.enum(["analytics", "ledger"]),
  executions: z.number(),
  count: z.number(),
});

/**
 * How long `GET /v1/insights` takes over HTTP with nothing held: with the analytics copy, and when that is away.
 * NETRA_BENCH_SCALE=0.1 does a tenth of the executions; below 50,000 the ledger answers in both.
 */
export async function benchFindings(progress: (line: string) => void): Promise<BenchResult[]> {
  const executions = Math.round(EXECUTIONS * Number(process.env["NETRA_BENCH_SCALE"] ?? 1));
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
  stack.defer(() => postgres.stop());
  const clickhouse = await startClickHouse({ directory: join(folder, "clickhouse"), password: PASSWORD });
  stack.defer(() => clickhouse.stop());
  const adminDatabaseUrl = postgres.url("postgres");
  const clickhouseUrl = clickhouse.url("netra_analytics");
  await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
  await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up" });
  await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
  const databaseUrl = adminDatabaseUrl.replace("netra_owner", "netra_service");
  const { organizationId, key } = await createTenant(adminDatabaseUrl);
  const admin = new Client({ connectionString: adminDatabaseUrl });
  await admin.connect();
  stack.defer(() => admin.end());

  progress(`making ${executions} executions and copying them`);
  await addFindingsLedger(admin, organizationId, executions);
  const ingest = await startFunctionProcess("ingest", {
    DATABASE_URL: databaseUrl,
    CLICKHOUSE_URL: clickhouseUrl,
  });
  const headers = { authorization: `Bearer ${key}` };
  for (let waiting = 1; waiting > 0;) {
    const response = await fetch(`${ingest.url}/v1/relay`, { method: "POST", headers });
    waiting = relayed.parse(await response.json()).waiting;
  }
  await ingest.end("SIGTERM");

  const plain = await middle(() => admin.query(PLAIN));
  const results: BenchResult[] = [];
  for (const url of [clickhouseUrl, AWAY]) {
    const insights = await startFunctionProcess("insights", {
      DATABASE_URL: databaseUrl,
      CLICKHOUSE_URL: url,
      NETRA_SUMMARY_CACHE_MS: "0",
      NETRA_FINDINGS_AGE_MS: "0",
      NETRA_QUERY_TIMEOUT_MS: "60000",
    });
    let source = "";
    const took = await middle(async () => {
      const response = await fetch(`${insights.url}/v1/insights`, { headers });
      const body = answer.parse(await response.json());
      if (body.executions !== executions)
        throw new Error(`${body.executions} of ${executions} were looked at`);
      source = body.source;
    });
    await insights.end("SIGTERM");
    progress(`from the ${source}: ${Math.round(took)} ms`);
    results.push(
      result(`findings from the ${source}, ${executions} executions`, took, "ms", {
        floor: plain,
        ...(url === AWAY ? {} : { target: "about 1 s at 1,000,000", ok: ({ value }) => value <= 1_500 }),
      }),
    );
  }
  return results;
}

async function middle(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)] ?? NaN;
}
