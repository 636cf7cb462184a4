import {
  ANALYTICS,
  type AnalyticsGroup,
  type AnalyticsOrder,
  type AnalyticsQuery,
  filtersOf,
  isPeriod,
  type Period,
  type StoredFigure,
} from "../analytics.ts";
import { type AnalyticsResult, readAnalytics } from "../analytics-answers.ts";
import type { StoredAnalyticsRow } from "../analytics-figures.ts";
import { ROWS_FIGURES } from "./analytics-rows.ts";
import { findTotals, TOTALS_FIGURES } from "./analytics-totals.ts";
import type { ClickHouse } from "./client.ts";
import { queryForOrganization } from "./organization-query.ts";

const PERIODS: Readonly<Record<Period, { startOf: (moment: string) => string; format: string }>> = {
  hour: { startOf: (moment) => `toStartOfHour(${moment}, 'UTC')`, format: "%Y-%m-%dT%H:00:00Z" },
  day: { startOf: (moment) => `toDate(${moment}, 'UTC')`, format: "%Y-%m-%d" },
  week: { startOf: (moment) => `toMonday(${moment}, 'UTC')`, format: "%Y-%m-%d" },
  month: { startOf: (moment) => `toStartOfMonth(${moment}, 'UTC')`, format: "%Y-%m" },
};

const COLUMNS: Readonly<Record<Exclude<AnalyticsGroup, Period>, string>> = {
  command_base: "command_base",
  repository: "repository",
  model: "model",
  user: "toString(user_id)",
  task_kind: "task_kind",
  source: "source",
  session: "session_id",
  status: "status",
};

const HIT_RATE = "if(sum_total = 0, 0, sum_cache_read / sum_total)";
const ORDERS: Readonly<Record<Exclude<AnalyticsOrder, "key">, string>> = {
  executions: "executions",
  total_tokens: "sum_total",
  cost_usd: "sum_cost",
  p95_cost_usd: "if(priced = 0, null, costs[2])",
  cache_hit_rate: HIT_RATE,
  cache_savings_usd: "sum_savings",
  failures: "failed + timeouts",
  failure_rate: "if(executions = 0, null, (failed + timeouts) / executions)",
  lost_cost_usd: "lost_cost",
  started_at: "first_ms",
  last_at: "last_ms",
};

/** Where the figures come from: a select of the rows that count, each with its `grp`, and what each figure is of them. */
interface Basis {
  from: string;
  /** The same executions without their sessions, which are in no total. */
  fromForTotal: string;
  figures: Readonly<Record<StoredFigure, string>>;
  isTotals: boolean;
}

const MOMENTS = `organization_id = {organization_id:UUID}
      and timestamp >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      and timestamp < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')`;
const PERIODS_OF_RANGE = `organization_id = {organization_id:UUID}
      and period >= toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC')
      and period < toDateTime(intDiv({to_ms:Int64}, 1000), 'UTC')`;

const SUMS = `dimension = {dimension:String} and ${PERIODS_OF_RANGE}`;
/** How many executions there are, which the sums must hold. */
const COUNTED = `(select count() from executions where ${MOMENTS})`;

function rowsBasis(query: AnalyticsQuery): Basis {
  const { groupBy } = query;
  const group = isPeriod(groupBy) ? PERIODS[groupBy].startOf("timestamp") : COLUMNS[groupBy];
  const conditions = filtersOf(query).map(([filter]) => `and ${filter} = {${filter}:String}`);
  return {
    from: `select *, ${group} as grp from executions where ${MOMENTS} ${conditions.join(" ")}`,
    fromForTotal: `select * from executions where ${MOMENTS} ${conditions.join(" ")}`,
    figures: ROWS_FIGURES,
    isTotals: false,
  };
}

function totalsBasis(query: AnalyticsQuery): Basis {
  const { groupBy } = query;
  const group = isPeriod(groupBy)
    ? PERIODS[groupBy].startOf("period")
    : groupBy === "status"
      ? "status"
      : "key";
  const conditions = filtersOf(query).map(([filter]) =>
    filter === "status" ? "and status = {status:String}" : `and key = {${filter}:String}`,
  );
  return {
    from: `select *, ${group} as grp from execution_totals where ${SUMS} ${conditions.join(" ")}`,
    // The dimension with the fewest rows; whoever asks about sessions has no filter here.
    fromForTotal: `select * from execution_totals where dimension = 'source' and ${PERIODS_OF_RANGE}`,
    figures: TOTALS_FIGURES,
    isTotals: true,
  };
}

/**
 * An expression that is 1 when the sums miss nothing: no execution and, where percentiles are asked for, no cost. Without
 * filters the total row tells it.
 */
function isWholeOf(query: AnalyticsQuery, { isTotals }: Basis): string {
  if (!isTotals) return "1";
  const costs = asksCosts(query) ? "and sum(length(costs)) = sum(priced)" : "";
  if (filtersOf(query).length > 0) {
    return `(select sum(executions) = ${COUNTED} ${costs} from execution_totals where ${SUMS})`;
  }
  return `is_total = 0 or executions = ${COUNTED} ${asksCosts(query) ? "and costs_kept = priced" : ""}`;
}

function asksCosts({ kind }: AnalyticsQuery): boolean {
  return ANALYTICS[kind].figures.includes("costs");
}

function statementOf(query: AnalyticsQuery, basis: Basis): string {
  const { groupBy, kind } = query;
  const { from, figures } = basis;
  const names = ANALYTICS[kind].figures;
  const isRanked = kind === "cache";
  const text = isPeriod(groupBy) ? `formatDateTime(grp, '${PERIODS[groupBy].format}', 'UTC')` : "grp";
  return `
select is_total, group_count, if(is_total = 1, null, ${text}) as key, ${isWholeOf(query, basis)} as is_whole,
  ${[...names, ...(isRanked ? ["rank"] : [])].join(", ")}
from (
  select *,
    count() over () - 1 as group_count,
    row_number() over (partition by is_total order by ${orderOf(query)}) as position
    ${isRanked ? `, rank() over (partition by is_total order by ${HIT_RATE} desc nulls last) as rank` : ""}
  from (
    select
      grouping(s.grp) as is_total,
      s.grp as grp,
      ${basis.isTotals && asksCosts(query) ? "sum(length(s.costs)) as costs_kept," : ""}
      ${names.map((name) => `${figures[name]} as ${name}`).join(",\n      ")}
    from (${from}) as s
    group by s.grp with rollup
  )
)
where is_total = 1 or (position > {offset:UInt64} and position <= {offset:UInt64} + {limit:UInt64})
order by is_total desc, position`;
}

/**
 * The same of sessions, of which there are many: one pass finds out from what they are ordered by alone which ones the page
 * shows and how many there are, and the rest of the figures are computed for those.
 */
function sessionsStatement(query: AnalyticsQuery, { from, fromForTotal, figures, isTotals }: Basis): string {
  const names = ANALYTICS[query.kind].figures;
  const selected = names.map((name) => `${figures[name]} as ${name}`).join(",\n    ");
  // An array holds no nulls, so the session of those that told none is a member of its own.
  return `
with (
  select tuple(
    groupArrayIf(assumeNotNull(grp), position > {offset:UInt64} and grp is not null) as keys,
    countIf(position > {offset:UInt64} and grp is null) as nulls,
    any(groups) as groups,
    any(counted) as counted
  )
  from (
    select *, row_number() over (order by ${orderOf(query)}) as position
    from (
      select *, count() over () as groups, sum(executions) over () as counted
      from (select s.grp as grp, ${selected} from (${from}) as s group by s.grp)
      order by ${orderOf(query)}
      limit {offset:UInt64} + {limit:UInt64}
    )
  )
) as page
select is_total, group_count, grp as key, is_whole, ${names.join(", ")}
from (
  select 1 as is_total, page.3 as group_count, cast(null, 'Nullable(String)') as grp,
    ${isTotals ? `page.4 = ${COUNTED} and executions = ${COUNTED}` : "1"} as is_whole,
    ${selected}
  from (${fromForTotal}) as s
  union all
  select 0 as is_total, 0 as group_count, s.grp as grp, 1 as is_whole,
    ${selected}
  from (${from}) as s
  where s.grp in page.1 or (s.grp is null and page.2 > 0)
  group by s.grp
)
order by is_total desc, ${orderOf(query)}`;
}

function orderOf({ order, isDescending }: AnalyticsQuery): string {
  const direction = isDescending ? "desc" : "asc";
  if (order === "key") return `grp ${direction} nulls last`;
  return `${ORDERS[order]} ${direction} nulls last, executions desc, grp nulls last`;
}

export interface CopyResult extends AnalyticsResult {
  /** Whether sums made ahead answered, or the executions themselves. */
  basis: "totals" | "rows";
}

interface Deadline {
  signal: AbortSignal;
  maxSeconds: number;
}

/**
 * The figures of the analytics copy, defined like those of the ledger to the last digit: from sums made ahead where they
 * answer the question and hold every execution that is there, else from the executions.
 */
export async function analyzeCopy(
  client: ClickHouse,
  organizationId: string,
  query: AnalyticsQuery,
  deadline: Deadline,
): Promise<CopyResult> {
  const ask = (basis: Basis, dimension: string) =>
    queryForOrganization<StoredAnalyticsRow & { is_whole: number }>(client, organizationId, {
      query: query.kind === "sessions" ? sessionsStatement(query, basis) : statementOf(query, basis),
      params: {
        ...query.filters,
        dimension,
        from_ms: query.from.getTime(),
        to_ms: query.to.getTime(),
        limit: query.limit,
        offset: query.offset,
      },
      ...deadline,
    });
  const dimension = findTotals(query);
  if (dimension !== null) {
    const rows = await ask(totalsBasis(query), dimension);
    // Without any row nothing has told whether executions are missing.
    if (rows.length > 0 && rows.every((row) => row.is_whole === 1)) {
      return { ...readAnalytics(query.kind, rows), basis: "totals" };
    }
  }
  return { ...readAnalytics(query.kind, await ask(rowsBasis(query), "")), basis: "rows" };
}
