import type { ClickHouse } from "./client.ts";
import { readRows } from "./read-rows.ts";

/** Milliseconds a request took, and how far the server's clock is ahead of this one, in seconds. */
export interface AnalyticsConnectionFacts {
  milliseconds: number;
  clock_ahead: number;
  clock_uncertainty: number;
}

interface Asking {
  clickhouse: ClickHouse;
  signal: AbortSignal;
}

const QUERY_SECONDS = 2;

async function ask<Row>({ clickhouse, signal }: Asking, query: string): Promise<Row[]> {
  const result = await clickhouse.query({
    query,
    format: "JSONEachRow",
    abort_signal: signal,
    clickhouse_settings: {
      max_execution_time: QUERY_SECONDS,
      cancel_http_readonly_queries_on_client_close: 1,
    },
  });
  return readRows<Row>(result, signal);
}

export async function getAnalyticsConnection(
  asking: Asking,
  now: () => number,
): Promise<AnalyticsConnectionFacts> {
  const startedAt = performance.now();
  const askedAt = now();
  const [row] = await ask<{ at: number }>(asking, "select toFloat64(now64(3, 'UTC')) * 1000 as at");
  const answeredAt = now();
  return {
    milliseconds: performance.now() - startedAt,
    clock_ahead: ((row?.at ?? Number.NaN) - (askedAt + answeredAt) / 2) / 1_000,
    clock_uncertainty: (answeredAt - askedAt) / 2_000,
  };
}

/** A real question: adds up a day of executions of every organization, and says nothing of it but how long it took. */
export async function measureAnalyticsQuery(asking: Asking): Promise<{ milliseconds: number }> {
  const startedAt = performance.now();
  const query = `select count() as executions, sum(total_tokens) as tokens, uniqExact(organization_id) as organizations
    from executions where timestamp > now() - interval 1 day`;
  const rows = await ask<unknown>(asking, query);
  if (rows.length !== 1) throw new Error("an aggregate without a row");
  return { milliseconds: performance.now() - startedAt };
}

export interface AnalyticsTablesFacts {
  /** The partition with the most parts. */
  parts: number;
  parts_table: string;
  /** Merges under way, and how long the longest has been at work, in seconds. */
  merges: number;
  longest_merge: number;
  /** Changes of tables that are not done, those that fail, and the age of the oldest in seconds. */
  mutations: number;
  failing_mutations: number;
  oldest_mutation: number;
}

const TABLES = `
select
  (select max(n) from (
    select count() as n from system.parts where active and database = currentDatabase() group by table, partition
  )) as parts,
  (select argMax(table, n) from (
    select table, count() as n from system.parts where active and database = currentDatabase() group by table, partition
  )) as parts_table,
  (select count() from system.merges where database = currentDatabase()) as merges,
  (select max(elapsed) from system.merges where database = currentDatabase()) as longest_merge,
  (select count() from system.mutations where not is_done and database = currentDatabase()) as mutations,
  (select countIf(latest_fail_reason != '') from system.mutations
    where not is_done and database = currentDatabase()) as failing_mutations,
  (select max(dateDiff('second', create_time, now())) from system.mutations
    where not is_done and database = currentDatabase()) as oldest_mutation`;

export async function getAnalyticsTables(asking: Asking): Promise<AnalyticsTablesFacts> {
  const [row] = await ask<Record<string, string | number | null>>(asking, TABLES);
  if (row === undefined) throw new Error("an aggregate without a row");
  const numberOf = (name: string): number => Number(row[name] ?? 0);
  return {
    parts: numberOf("parts"),
    parts_table: String(row["parts_table"] ?? ""),
    merges: numberOf("merges"),
    longest_merge: numberOf("longest_merge"),
    mutations: numberOf("mutations"),
    failing_mutations: numberOf("failing_mutations"),
    oldest_mutation: numberOf("oldest_mutation"),
  };
}

/** The disk with the least room left. */
export interface AnalyticsDiskFacts {
  name: string;
  free_bytes: number;
  total_bytes: number;
}

const DISKS = `
select name, toFloat64(unreserved_space) as free_bytes, toFloat64(total_space) as total_bytes
from system.disks
-- Object storage says that it has no end.
where total_space > 0 and total_space < pow(2, 62)
order by free_bytes / total_bytes limit 1`;

/** Null where the server's disks have no end. */
export async function findAnalyticsDisk(asking: Asking): Promise<AnalyticsDiskFacts | null> {
  return (await ask<AnalyticsDiskFacts>(asking, DISKS))[0] ?? null;
}

/** Asynchronous inserts that failed within an hour; null where the server keeps no record of them. */
export async function countInsertErrors(asking: Asking): Promise<number | null> {
  const known = await ask<{ name: string }>(
    asking,
    "select name from system.tables where database = 'system' and name = 'asynchronous_insert_log'",
  );
  if (known.length === 0) return null;
  const [row] = await ask<{ errors: string | number }>(
    asking,
    `select count() as errors from system.asynchronous_insert_log
     where status != 'Ok' and event_time > now() - interval 1 hour and database = currentDatabase()`,
  );
  return Number(row?.errors ?? 0);
}

/** The numbers of the migrations that were applied whole, in order. */
export async function listAppliedAnalyticsMigrations(asking: Asking): Promise<number[]> {
  const rows = await ask<{ version: number }>(
    asking,
    "select version from schema_migrations final where status = 'applied' order by version",
  );
  return rows.map(({ version }) => version);
}
