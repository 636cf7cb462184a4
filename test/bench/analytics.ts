import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "../../local/embedded-clickhouse.ts";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { ANALYTICS_KINDS, type AnalyticsKind } from "../../shared/analytics.ts";
import { type ClickHouse, createClickHouse } from "../../shared/clickhouse/client.ts";
import { startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";
import { addCopiedExecutions } from "./analytics-executions.ts";
import { type BenchResult, percentile, result } from "./report.ts";

const PASSWORD = "benchmark";
const EXECUTIONS = 1_000_000;
const ROUNDS = 4;
const QUESTIONS_A_ROUND = 30;
const WARM_UP = 3;

const WHERE = `where organization_id = {organization_id:UUID} and timestamp >= now() - interval 30 day`;
const TOKENS =
  "sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(total_tokens)";
const MONEY = "sum(cost_usd) as cost, count(cost_usd), sum(cache_savings_usd)";
const FAILED = "countIf(status = 'failed'), countIf(status = 'timeout')";

/** What somebody would ask the engine itself: the same figures by one statement over the executions, without a total. */
const RAW: Readonly<Record<AnalyticsKind, string>> = {
  trends: `select toDate(timestamp) as key, count(), ${FAILED}, ${TOKENS}, ${MONEY}, avg(cache_hit_rate)
    from executions ${WHERE} group by key order by key`,
  costs: `select command_base as key, count(), ${MONEY}, sum(reported_cost_usd), quantilesExact(0.5, 0.95)(cost_usd)
    from executions ${WHERE} group by key order by cost desc limit 100`,
  cache: `select command_base as key, count(), ${TOKENS}, ${MONEY}, avg(cache_hit_rate) as rate,
    rank() over (order by rate desc) from executions ${WHERE} group by key order by rate desc limit 100`,
  failures: `select command_base as key, count(), ${FAILED}, sumIf(total_tokens, status != 'completed'),
    sumIf(cost_usd, status != 'completed') as lost, maxIf(timestamp, status != 'completed')
    from executions ${WHERE} group by key order by lost desc limit 100`,
  sessions: `select session_id as key, count(), ${FAILED}, sum(total_tokens), sum(cache_read_tokens), ${MONEY},
    min(timestamp), max(timestamp), any(repository), any(model)
    from executions ${WHERE} group by key order by cost desc limit 100`,
  repositories: `select repository as key, count(), ${FAILED}, sum(total_tokens), sum(cache_read_tokens), ${MONEY},
    uniqExact(session_id), uniqExact(user_id), min(timestamp), max(timestamp)
    from executions ${WHERE} group by key order by cost desc limit 100`,
  models: `select model as key, count(), ${FAILED}, ${TOKENS}, ${MONEY}, uniqExact(user_id),
    quantilesExactInclusive(0.5, 0.95)(execution_time_ms)
    from executions ${WHERE} group by key order by cost desc limit 100`,
};

/**
 * How long the questions of `GET /v1/analytics` take over HTTP with the cache off, and the raw statements sent to the engine in
 * turns with them. NETRA_BENCH_SCALE=0.1 does a tenth of the executions.
 */
export async function benchAnalytics(progress: (line: string) => void): Promise<BenchResult[]> {
  const executions = Math.round(EXECUTIONS * Number(process.env["NETRA_BENCH_SCALE"] ?? 1));
  await using stack = new AsyncDisposableStack();
  const { client, organizationId, ask } = await startStack(stack);
  progress(`making ${executions} executions in the analytics copy`);
  await addCopiedExecutions(client, organizationId, executions);
  for (const table of ["executions", "execution_totals"])
    await client.command({ query: `optimize table ${table} final` });

  const results: BenchResult[] = [];
  for (const kind of ANALYTICS_KINDS) {
    const counted = await ask(kind);
    if (counted !== executions) throw new Error(`${kind} counted ${counted} of ${executions}`);
    const askRaw = async (): Promise<void> => {
      const answer = await client.query({
        query: RAW[kind],
        query_params: { organization_id: organizationId },
        format: "JSONEachRow",
      });
      await answer.json();
    };
    const [ours, raw] = await inTurns(() => ask(kind), askRaw);
    progress(`${kind}: p50 ${ours.p50.toFixed(1)} ms, raw ${raw.p50.toFixed(1)} ms`);
    results.push(
      result(`${kind}, p50`, ours.p50, "ms", { floor: raw.p50 }),
      result(`${kind}, p95`, ours.p95, "ms", {
        floor: raw.p95,
        target: "< 50 ms at 1,000,000",
        ok: ({ value }) => value < 50,
      }),
    );
  }
  return results;
}

interface Times {
  p50: number;
  p95: number;
}

/** In turns of many, because what comes after the other runs in memory and caches the other has left. */
async function inTurns(one: () => Promise<unknown>, other: () => Promise<unknown>): Promise<[Times, Times]> {
  const times: [number[], number[]] = [[], []];
  for (const work of [one, other]) for (let at = 0; at < WARM_UP; at += 1) await work();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, work] of [one, other].entries()) {
      for (let question = 0; question < QUESTIONS_A_ROUND; question += 1) {
        const startedAt = performance.now();
        await work();
        times[at]?.push(performance.now() - startedAt);
      }
    }
  }
  const [first, second] = times.map((all) => {
    all.sort((a, b) => a - b);
    return { p50: percentile(all, 0.5), p95: percentile(all, 0.95) };
  });
  if (first === undefined || second === undefined) throw new Error("nothing was measured");
  return [first, second];
}

interface Stack {
  client: ClickHouse;
  organizationId: string;
  /** Asks the function and resolves with the number of executions it counted. */
  ask: (kind: AnalyticsKind) => Promise<number>;
}

async function startStack(stack: AsyncDisposableStack): Promise<Stack> {
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
  const { organizationId, key } = await createTenant(adminDatabaseUrl);
  const insights = await startFunctionProcess("insights", {
    DATABASE_URL: adminDatabaseUrl.replace("netra_owner", "netra_service"),
    CLICKHOUSE_URL: clickhouseUrl,
    NETRA_SUMMARY_CACHE_MS: "0",
    NETRA_REQUESTS_PER_SECOND: "100000",
  });
  stack.defer(async () => void (await insights.end("SIGTERM")));
  const client = createClickHouse({ url: clickhouseUrl, requestTimeoutMs: 300_000 });
  stack.defer(() => client.close());
  const ask: Stack["ask"] = async (kind) => {
    const response = await fetch(`${insights.url}/v1/analytics/${kind}?source=analytics`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const answer: unknown = await response.json();
    const total = typeof answer === "object" && answer !== null && "total" in answer ? answer.total : null;
    const counted =
      typeof total === "object" && total !== null && "executions" in total ? total.executions : null;
    if (typeof counted !== "number") throw new Error(`answered ${JSON.stringify(answer).slice(0, 500)}`);
    return counted;
  };
  return { client, organizationId, ask };
}
