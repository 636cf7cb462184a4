import {
  readSummary,
  type StoredSummaryRow,
  type Summary,
  type SummaryGroup,
  type SummaryQuery,
} from "../summary.ts";
import type { ClickHouse } from "./client.ts";
import { queryForOrganization } from "./organization-query.ts";

/** What rows are grouped by, and how the group is written: times are put into words once for each group, not each row. */
const GROUPS: Record<SummaryGroup, { key: string; text: string; ordersByKey: boolean }> = {
  day: { key: "toDate(timestamp, 'UTC')", text: "formatDateTime(key, '%Y-%m-%d')", ordersByKey: true },
  hour: {
    key: "toStartOfHour(timestamp, 'UTC')",
    text: "formatDateTime(key, '%Y-%m-%dT%H:00:00Z', 'UTC')",
    ordersByKey: true,
  },
  model: { key: "model", text: "key", ordersByKey: false },
  command_base: { key: "command_base", text: "key", ordersByKey: false },
  status: { key: "status", text: "key", ordersByKey: false },
  repository: { key: "repository", text: "key", ordersByKey: false },
  session: { key: "session_id", text: "key", ordersByKey: false },
};

const BY_COST = "sum_cost desc nulls last, executions desc, key nulls last";

function statementOf(group: SummaryGroup): string {
  const { key, text, ordersByKey } = GROUPS[group];
  return `
select is_total, group_count, if(is_total = 1, null, ${text}) as key, executions, failures, sum_input, sum_output,
  sum_cache_read, sum_cache_write_5m, sum_cache_write_1h, sum_total, unmeasured, sum_cost, unpriced, sum_savings,
  sum_reported, unreported, times
from (
  select *,
    count() over () - 1 as group_count,
    row_number() over (partition by is_total order by ${ordersByKey ? "key" : BY_COST}) as position
  from (
    select
      grouping(ended.key) as is_total,
      ended.key as key,
      count() as executions,
      countIf(ended.status in ('failed', 'timeout')) as failures,
      sum(ended.input_tokens) as sum_input,
      sum(ended.output_tokens) as sum_output,
      sum(ended.cache_read_tokens) as sum_cache_read,
      sum(ended.cache_write_5m_tokens) as sum_cache_write_5m,
      sum(ended.cache_write_1h_tokens) as sum_cache_write_1h,
      sum(ended.total_tokens) as sum_total,
      countIf(ended.total_tokens is null) as unmeasured,
      sum(ended.cost_usd) as sum_cost,
      countIf(ended.cost_usd is null) as unpriced,
      sum(ended.cache_savings_usd) as sum_savings,
      sum(ended.reported_cost_usd) as sum_reported,
      countIf(ended.reported_cost_usd is null) as unreported,
      quantilesExactInclusive(0.5, 0.95)(ended.execution_time_ms) as times
    from (
      select ${key} as key, status, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
        cache_write_1h_tokens, total_tokens, cost_usd, cache_savings_usd, reported_cost_usd, execution_time_ms
      from executions
      where organization_id = {organization_id:UUID}
        and timestamp >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        and timestamp < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    ) as ended
    group by grouping sets ((ended.key), ())
  )
)
where is_total = 1 or (position > {offset:UInt64} and position <= {offset:UInt64} + {limit:UInt64})
order by is_total desc, position`;
}

interface Deadline {
  signal: AbortSignal;
  maxSeconds: number;
}

/** The figures of the analytics copy, defined like those of the ledger to the last digit. */
export async function summarizeAnalytics(
  client: ClickHouse,
  organizationId: string,
  { from, to, groupBy, limit, offset }: SummaryQuery,
  deadline: Deadline,
): Promise<Summary> {
  const rows = await queryForOrganization<StoredSummaryRow>(client, organizationId, {
    query: statementOf(groupBy),
    params: { from_ms: from.getTime(), to_ms: to.getTime(), limit, offset },
    ...deadline,
  });
  return readSummary(rows);
}
