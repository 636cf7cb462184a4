import {
  ANALYTICS,
  type AnalyticsFilter,
  type AnalyticsGroup,
  type AnalyticsOrder,
  type AnalyticsQuery,
  filtersOf,
  isPeriod,
  type StoredFigure,
} from "../analytics.ts";
import { type AnalyticsResult, readAnalytics } from "../analytics-answers.ts";
import type { StoredAnalyticsRow } from "../analytics-figures.ts";
import type { Sql } from "./pool.ts";

const REPOSITORY = "workspace_context ->> 'repository'";

/** What rows are grouped by, and how the group is written: times are put into words once for each group, not each row. */
const GROUPS: Readonly<Record<AnalyticsGroup, { key: string; text: string }>> = {
  hour: period("hour", `YYYY-MM-DD"T"HH24:MI:SS"Z"`),
  day: period("day", "YYYY-MM-DD"),
  week: period("week", "YYYY-MM-DD"),
  month: period("month", "YYYY-MM"),
  command_base: { key: "command_base", text: "key" },
  repository: { key: REPOSITORY, text: "key" },
  model: { key: "model_version", text: "key" },
  user: { key: "user_id::text", text: "key" },
  task_kind: { key: "command_features ->> 'task_kind'", text: "key" },
  source: { key: "source", text: "key" },
  session: { key: "session_id", text: "key" },
  status: { key: "status", text: "key" },
};

function period(unit: string, format: string): { key: string; text: string } {
  return { key: `date_trunc('${unit}', timestamp at time zone 'UTC')`, text: `to_char(key, '${format}')` };
}

const FILTERED: Readonly<Record<AnalyticsFilter, string>> = {
  repository: REPOSITORY,
  model: "model_version",
  command_base: "command_base",
  status: "status",
};

const LOST = "status in ('failed', 'timeout')";
const millis = (moment: string): string => `floor(extract(epoch from ${moment}) * 1000)::bigint`;
const only = (text: string): string =>
  `case when min((${text}) collate "C") = max((${text}) collate "C") then min((${text}) collate "C") end`;

const FIGURES: Readonly<Record<StoredFigure, string>> = {
  executions: "count(*)",
  failed: "count(*) filter (where status = 'failed')",
  timeouts: "count(*) filter (where status = 'timeout')",
  sum_input: "sum(input_tokens)",
  sum_output: "sum(output_tokens)",
  sum_cache_read: "sum(cached_tokens)",
  sum_cache_write_5m: "sum(cache_write_5m_tokens)",
  sum_cache_write_1h: "sum(cache_write_1h_tokens)",
  sum_total: "sum(total_tokens)",
  measured: "count(total_tokens)",
  priced_tokens: "sum(total_tokens) filter (where cost_usd is not null)",
  sum_cost: "sum(cost_usd)",
  priced: "count(cost_usd)",
  sum_savings: "sum(cache_savings_usd)",
  sum_reported: "sum(reported_cost_usd)",
  reported: "count(reported_cost_usd)",
  hit_micros: "sum(round(cache_hit_rate * 1e6::double precision)::bigint)",
  rated: "count(cache_hit_rate)",
  lost_tokens: `sum(total_tokens) filter (where ${LOST})`,
  lost_cost: `sum(cost_usd) filter (where ${LOST})`,
  lost_priced: `count(cost_usd) filter (where ${LOST})`,
  first_ms: millis("min(timestamp)"),
  last_ms: millis("max(timestamp)"),
  last_failure_ms: millis(`max(timestamp) filter (where ${LOST})`),
  people: "count(distinct user_id)",
  sessions: "count(distinct session_id)",
  repository: only(REPOSITORY),
  model: only("model_version"),
  // As text: the driver reads an array of numerics as floats.
  costs: "(percentile_disc(array[0.5, 0.95]) within group (order by cost_usd))::text[]",
  times: "percentile_cont(array[0.5, 0.95]) within group (order by execution_time_ms)",
};

const HIT_RATE =
  "case when sum_total = 0 then 0 else sum_cache_read::double precision / sum_total::double precision end";
const ORDERS: Readonly<Record<Exclude<AnalyticsOrder, "key">, string>> = {
  executions: "executions",
  total_tokens: "sum_total",
  cost_usd: "sum_cost",
  p95_cost_usd: "costs[2]::numeric",
  cache_hit_rate: HIT_RATE,
  cache_savings_usd: "sum_savings",
  failures: "failed + timeouts",
  failure_rate: "(failed + timeouts)::double precision / nullif(executions, 0)::double precision",
  lost_cost_usd: "lost_cost",
  started_at: "first_ms",
  last_at: "last_ms",
};

/** `$1` to `$5` are the organization, the range, limit and offset; then one parameter for each filter. */
function statementOf(query: AnalyticsQuery, filters: readonly AnalyticsFilter[]): string {
  const { key, text } = GROUPS[query.groupBy];
  const { figures } = ANALYTICS[query.kind];
  const isRanked = query.kind === "cache";
  const names = isRanked ? [...figures, "rank"] : figures;
  const conditions = filters.map((filter, index) => `and ${FILTERED[filter]} = $${6 + index}`).join(" ");
  return `
select is_total, group_count, ${text} as key, ${names.join(", ")}
from (
  select grouped.*,
    count(*) over () - 1 as group_count,
    row_number() over (partition by is_total order by ${orderOf(query)}) as position
    ${isRanked ? `, rank() over (partition by is_total order by ${HIT_RATE} desc nulls last) as rank` : ""}
  from (
    select
      grouping(key) as is_total,
      key,
      ${figures.map((figure) => `${FIGURES[figure]} as ${figure}`).join(",\n      ")}
    from (
      select e.*, ${key} as key
      from command_executions e
      where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status <> 'pending' ${conditions}
    ) ended
    group by grouping sets ((key), ())
  ) grouped
) placed
where is_total = 1 or position > $5 and position <= $5 + $4
order by is_total desc, position`;
}

function orderOf({ order, isDescending, groupBy }: AnalyticsQuery): string {
  const direction = isDescending ? "desc" : "asc";
  const key = isPeriod(groupBy) ? "key" : `key collate "C"`;
  if (order === "key") return `${key} ${direction} nulls last`;
  return `${ORDERS[order]} ${direction} nulls last, executions desc, ${key} nulls last`;
}

/** The exact figures of the ledger. Runs in a transaction of the organization. */
export async function analyzeLedger(
  sql: Sql,
  organizationId: string,
  query: AnalyticsQuery,
): Promise<AnalyticsResult> {
  const given = filtersOf(query);
  const { rows } = await sql.query<StoredAnalyticsRow>({
    text: statementOf(
      query,
      given.map(([filter]) => filter),
    ),
    values: [
      organizationId,
      query.from.toISOString(),
      query.to.toISOString(),
      query.limit,
      query.offset,
      ...given.map(([, value]) => value),
    ],
  });
  return readAnalytics(query.kind, rows);
}
