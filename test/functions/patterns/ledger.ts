import type { ExecutionRow } from "../../../shared/postgres/command-executions.ts";
import {
  completeExecutions,
  ensurePartition,
  insertExecutions,
} from "../../../shared/postgres/command-executions.ts";
import { type Pool, withOrganization } from "../../../shared/postgres/pool.ts";
import { makeRow } from "../../helpers/make-row.ts";
import { asOwner } from "../../helpers/tenant.ts";

/** Stores rows as ingest does, making the months they are in. */
export async function addRows(
  pool: Pool,
  organizationId: string,
  rows: readonly ExecutionRow[],
): Promise<void> {
  const months = new Map(
    rows.map(({ timestamp }) => [new Date(timestamp).toISOString().slice(0, 7), timestamp]),
  );
  for (const timestamp of months.values()) await ensureMonth(pool, organizationId, timestamp);
  await insertExecutions(pool, organizationId, rows);
}

function ensureMonth(pool: Pool, organizationId: string, timestamp: number): Promise<void> {
  return withOrganization(pool, organizationId, async (sql) => {
    await sql.query("set local role netra_app");
    await ensurePartition(sql, timestamp);
  });
}

export async function completeRows(
  pool: Pool,
  organizationId: string,
  rows: readonly ExecutionRow[],
): Promise<void> {
  await withOrganization(pool, organizationId, (sql) => completeExecutions(sql, organizationId, rows));
}

/** An execution whose pattern is its base alone. */
export function row(base: string, at: string | number, partial: Partial<ExecutionRow> = {}): ExecutionRow {
  return makeRow({
    timestamp: typeof at === "number" ? at : Date.parse(at),
    command_base: base,
    command_args: { flags: [], options: {}, positionals: [] },
    command_features: { version: 1, kind: "slash_command", task_kind: "review", length_class: "s" },
    ...partial,
  });
}

/** One whose sender told neither tokens nor cost nor time. */
export const UNKNOWN = {
  total_tokens: null,
  input_tokens: null,
  output_tokens: null,
  cached_tokens: null,
  cache_write_5m_tokens: null,
  cache_write_1h_tokens: null,
  fresh_tokens: null,
  cache_hit_rate: null,
  execution_time_ms: null,
  cost_usd: null,
  fresh_cost_usd: null,
  cache_savings_usd: null,
  cost_basis: "unpriced",
} as const;

/** Tokens by kind with what ingest derives from them. */
export function tokens(
  input: number,
  output: number,
  cached: number,
  written: number,
): Partial<ExecutionRow> {
  const total = input + output + cached + written;
  return {
    total_tokens: total,
    input_tokens: input,
    output_tokens: output,
    cached_tokens: cached,
    cache_write_5m_tokens: written,
    cache_write_1h_tokens: 0,
    fresh_tokens: total - cached,
    cache_hit_rate: total === 0 ? 0 : (100 * cached) / total,
  };
}

const BY_DAY = (from: string): string => `
select organization_id::text, day, base, sum(executions)::text as executions, sum(failed)::text as failed, sum(timeouts)::text as timeouts,
  sum(measured)::text as measured, sum(total)::text as total, sum(input)::text as input, sum(output)::text as output,
  sum(cached)::text as cached, sum(written)::text as written, sum(lost)::text as lost, sum(priced)::text as priced, sum(unpriced)::text as unpriced,
  sum(cost)::numeric(30, 12)::text as cost, sum(lost_cost)::numeric(30, 12)::text as lost_cost,
  sum(savings)::numeric(30, 12)::text as savings, sum(timed)::text as timed, sum(time)::text as time
from (${from}) counted group by 1, 2, 3 order by 1, 2, 3`;

const LEDGER = BY_DAY(`
select organization_id, (timestamp at time zone 'UTC')::date::text as day, command_base as base, 1 as executions,
  (status = 'failed')::int as failed, (status = 'timeout')::int as timeouts, (total_tokens is not null)::int as measured,
  coalesce(total_tokens, 0) as total, coalesce(input_tokens, 0) as input, coalesce(output_tokens, 0) as output,
  coalesce(cached_tokens, 0) as cached, coalesce(cache_write_5m_tokens + cache_write_1h_tokens, 0) as written,
  case when status <> 'completed' then coalesce(total_tokens, 0) else 0 end as lost,
  (cost_usd is not null)::int as priced, (cost_basis = 'unpriced')::int as unpriced, coalesce(cost_usd, 0) as cost,
  case when status <> 'completed' then coalesce(cost_usd, 0) else 0 end as lost_cost,
  coalesce(cache_savings_usd, 0) as savings, (execution_time_ms is not null)::int as timed,
  coalesce(execution_time_ms, 0) as time
from command_executions where status <> 'pending'`);

const ROLLED_UP = BY_DAY(`
select organization_id, day::text as day, command_base as base, execution_count as executions, failed_count as failed,
  timeout_count as timeouts, measured_count as measured, total_tokens as total, input_tokens as input,
  output_tokens as output, cached_tokens as cached, cache_write_5m_tokens + cache_write_1h_tokens as written,
  lost_tokens as lost, priced_count as priced, unpriced_count as unpriced, cost_usd as cost, lost_cost_usd as lost_cost,
  cache_savings_usd as savings, timed_count as timed, execution_time_ms as time
from pattern_daily_rollups`);

/** What the ledger comes to by organization, day and base, counted by one statement and as it is rolled up. */
export function countBothWays(adminDatabaseUrl: string): Promise<{ ledger: unknown[]; rolledUp: unknown[] }> {
  return asOwner(adminDatabaseUrl, async (sql) => ({
    ledger: (await sql.query(LEDGER)).rows,
    rolledUp: (await sql.query(ROLLED_UP)).rows,
  }));
}
