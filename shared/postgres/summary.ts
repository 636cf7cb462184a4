import {
  readSummary,
  type StoredSummaryRow,
  type Summary,
  type SummaryGroup,
  type SummaryQuery,
} from "../summary.ts";
import type { Sql } from "./pool.ts";

/** What rows are grouped by, and how the group is written: times are put into words once for each group, not each row. */
const GROUPS: Record<SummaryGroup, { key: string; text: string; ordersByKey: boolean }> = {
  day: {
    key: "date_trunc('day', timestamp at time zone 'UTC')",
    text: "to_char(key, 'YYYY-MM-DD')",
    ordersByKey: true,
  },
  hour: {
    key: "date_trunc('hour', timestamp at time zone 'UTC')",
    text: `to_char(key, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
    ordersByKey: true,
  },
  model: { key: "model_version", text: "key", ordersByKey: false },
  command_base: { key: "command_base", text: "key", ordersByKey: false },
  status: { key: "status", text: "key", ordersByKey: false },
  repository: { key: "workspace_context ->> 'repository'", text: "key", ordersByKey: false },
  session: { key: "session_id", text: "key", ordersByKey: false },
};

const BY_COST = `sum_cost desc nulls last, executions desc, key collate "C" nulls last`;

function statementOf(group: SummaryGroup): string {
  const { key, text, ordersByKey } = GROUPS[group];
  return `
select is_total, group_count, ${text} as key, executions, failures, sum_input, sum_output, sum_cache_read,
  sum_cache_write_5m, sum_cache_write_1h, sum_total, unmeasured, sum_cost, unpriced, sum_savings, sum_reported,
  unreported, times
from (
  select grouped.*,
    count(*) over () - 1 as group_count,
    row_number() over (partition by is_total order by ${ordersByKey ? "key" : BY_COST}) as position
  from (
    select
      grouping(key) as is_total,
      key,
      count(*) as executions,
      count(*) filter (where status in ('failed', 'timeout')) as failures,
      sum(input_tokens) as sum_input,
      sum(output_tokens) as sum_output,
      sum(cached_tokens) as sum_cache_read,
      sum(cache_write_5m_tokens) as sum_cache_write_5m,
      sum(cache_write_1h_tokens) as sum_cache_write_1h,
      sum(total_tokens) as sum_total,
      count(*) filter (where total_tokens is null) as unmeasured,
      sum(cost_usd) as sum_cost,
      count(*) filter (where cost_usd is null) as unpriced,
      sum(cache_savings_usd) as sum_savings,
      sum(reported_cost_usd) as sum_reported,
      count(*) filter (where reported_cost_usd is null) as unreported,
      percentile_cont(array[0.5, 0.95]) within group (order by execution_time_ms) as times
    from (
      select e.*, ${key} as key
      from command_executions e
      where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status <> 'pending'
    ) ended
    group by grouping sets ((key), ())
  ) grouped
) placed
where is_total = 1 or position > $5 and position <= $5 + $4
order by is_total desc, position`;
}

/** The exact figures of the ledger. Runs in a transaction of the organization. */
export async function summarizeLedger(
  sql: Sql,
  organizationId: string,
  { from, to, groupBy, limit, offset }: SummaryQuery,
): Promise<Summary> {
  const { rows } = await sql.query<StoredSummaryRow>({
    text: statementOf(groupBy),
    values: [organizationId, from.toISOString(), to.toISOString(), limit, offset],
  });
  return readSummary(rows);
}

const COUNT_PENDING = `
select count(*) as pending from command_executions
where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status = 'pending'`;

/** Executions that have begun and not been reported as ended. Runs in a transaction of the organization. */
export async function countPending(
  sql: Sql,
  organizationId: string,
  { from, to }: Pick<SummaryQuery, "from" | "to">,
): Promise<number> {
  const { rows } = await sql.query<{ pending: number }>({
    name: "count-pending",
    text: COUNT_PENDING,
    values: [organizationId, from.toISOString(), to.toISOString()],
  });
  return rows[0]?.pending ?? 0;
}

// A server that takes the place of another, without its last commits, gives the same numbers to its own: in a new timeline.
const SNAPSHOT = `
select pg_current_snapshot()::text || case when pg_is_in_recovery() then ''
  else ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8) end as snapshot`;

/**
 * Names what is committed at this moment: as long as the name stays the same, nothing at all has been committed to the
 * server since, by anyone, and an answer read after it still holds.
 */
export async function getSnapshotName(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ snapshot: string }>({ name: "get-snapshot-name", text: SNAPSHOT });
  const row = rows[0];
  if (row === undefined) throw new Error("the server did not name its snapshot");
  return row.snapshot;
}
