import { ANALYTICS, type AnalyticsOrder, type AnalyticsQuery, isPeriod } from "../analytics.ts";
import { formatUsd } from "../agent/usd.ts";
import { type AnalyticsResult, readAnalytics } from "../analytics-answers.ts";
import type { StoredAnalyticsRow } from "../analytics-figures.ts";
import { type Basis, MOMENTS, PERIODS, rowsBasis, SUMS, totalsBasis } from "./analytics-basis.ts";
import { findTotals } from "./analytics-totals.ts";
import type { ClickHouse } from "./client.ts";
import { queryForOrganization } from "./organization-query.ts";

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

/**
 * The total of what is asked, of the sums, and whether they miss nothing: no execution and, where percentiles are asked for,
 * no cost.
 */
function totalStatement(query: AnalyticsQuery, { table, where, figures }: Basis): string {
  const costs = ANALYTICS[query.kind].figures.includes("costs")
    ? "and sum(length(s.costs)) = sum(s.priced)"
    : "";
  return `
select 1 as is_total, null as key,
  (select sum(s.executions) = (select count() from executions where ${MOMENTS}) ${costs}
    from execution_totals as s where ${SUMS}) as is_whole,
  ${selectedOf(query, figures)}
from ${table} as s
where ${where}`;
}

/**
 * One select without others around it, because the engine takes longer to understand a statement of this kind than to read
 * thousands of sums. The executions are read once, with their total; of the sums, the total is asked beside them.
 */
function statementOf(query: AnalyticsQuery, basis: Basis): string {
  const { groupBy, kind } = query;
  const { table, where, group, figures, isTotals } = basis;
  const text = isPeriod(groupBy) ? `formatDateTime(grp, '${PERIODS[groupBy].format}', 'UTC')` : "grp";
  const rank = `rank() over (partition by is_total order by ${HIT_RATE} desc nulls last) as rank,`;
  return `
select
  ${group} as grp,
  ${isTotals ? "0" : "grouping(grp)"} as is_total,
  if(is_total = 1, null, ${text}) as key,
  ${isTotals ? "count() over ()" : "count() over () - 1"} as group_count,
  sum(executions) over (partition by is_total) as counted,
  row_number() over (partition by is_total order by ${orderOf(query)}) as position,
  ${kind === "cache" ? rank : ""}
  ${selectedOf(query, figures)}
from ${table} as s
where ${where}
group by grp ${isTotals ? "" : "with rollup"}
qualify is_total = 1 or (position > {offset:UInt64} and position <= {offset:UInt64} + {limit:UInt64})
order by is_total desc, position`;
}

function selectedOf({ kind }: AnalyticsQuery, figures: Basis["figures"]): string {
  return ANALYTICS[kind].figures.map((name) => `${figures[name]} as ${name}`).join(",\n  ");
}

/**
 * The same of sessions, of which there are many: one pass finds out from what they are ordered by alone which ones the page
 * shows and how many there are, and the rest of the figures are computed for those.
 */
function sessionsStatement(query: AnalyticsQuery, { table, where, group, figures, isTotals }: Basis): string {
  const order = orderOf(query);
  const ordering = ANALYTICS[query.kind].figures.filter(
    (name) => name === "executions" || order.includes(name),
  );
  // An array holds no nulls, so the session of those that told none is a member of its own.
  const isShown = `(${group} in page.1 or (${group} is null and page.2 > 0))`;
  const ofTotals = {
    select: "0 as is_total, s.key as grp",
    where: `${SUMS} and ${isShown}`,
    groupBy: "grp",
    // Wide rows would come in small blocks, and be looked at twice to leave out a few.
    settings: "settings preferred_block_size_bytes = 0, optimize_move_to_prewhere = 0",
  };
  const ofRows = {
    select: `grouping(is_shown) as is_total, ${isShown} as is_shown, if(is_shown, ${group}, null) as grp`,
    where,
    groupBy: "is_shown, grp with rollup having is_total = 1 or (is_shown and grouping(grp) = 0)",
    settings: "",
  };
  const rest = isTotals ? ofTotals : ofRows;
  return `
with (
  select tuple(groupArrayIf(assumeNotNull(grp), grp is not null), countIf(grp is null), any(groups), any(counted))
  from (
    select ${group} as grp, count() over () as groups, sum(executions) over () as counted,
      ${ordering.map((name) => `${figures[name]} as ${name}`).join(", ")}
    from ${table} as s
    where ${where}
    group by grp
    order by ${order}
    limit {offset:UInt64}, {limit:UInt64}
  )
) as page
select ${rest.select}, grp as key, page.3 as group_count, page.4 as counted,
  ${selectedOf(query, figures)}
from ${table} as s
where ${rest.where}
group by ${rest.groupBy}
order by is_total desc, ${order}
${rest.settings}`;
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
  const result = await analyzePage(client, organizationId, query, deadline);
  // Beyond the last session there is nothing that tells how many there are: the first one does.
  if (query.offset === 0 || result.groupCount > 0) return result;
  const first = await analyzePage(client, organizationId, { ...query, offset: 0, limit: 1 }, deadline);
  return { ...first, rows: [] };
}

async function analyzePage(
  client: ClickHouse,
  organizationId: string,
  query: AnalyticsQuery,
  deadline: Deadline,
): Promise<CopyResult> {
  const ask = <Row>(statement: string, dimension: string): Promise<Row[]> =>
    queryForOrganization<Row>(client, organizationId, {
      query: statement,
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
  const page = (basis: Basis, dimension: string): Promise<PageRow[]> =>
    ask(query.kind === "sessions" ? sessionsStatement(query, basis) : statementOf(query, basis), dimension);
  const dimension = findTotals(query);
  if (dimension !== null) {
    const basis = totalsBasis(query);
    const [rows, [total]] = await Promise.all([
      page(basis, dimension),
      // The total of sessions is that of the dimension with the fewest rows; whoever asks about them has no filter here.
      ask<TotalRow>(totalStatement(query, basis), query.kind === "sessions" ? "source" : dimension),
    ]);
    if (total?.is_whole === 1 && areOf(rows, total, query)) {
      const [first] = rows;
      const all = first === undefined ? [] : [{ ...total, group_count: first.group_count }, ...rows];
      return { ...readAnalytics(query.kind, all.map(inDollars)), basis: "totals" };
    }
  }
  return { ...readAnalytics(query.kind, await page(rowsBasis(query), "")), basis: "rows" };
}

type TotalRow = Omit<StoredAnalyticsRow, "group_count"> & { is_whole: number };
/** `counted` are the executions of all groups, of which a page shows some. */
type PageRow = StoredAnalyticsRow & { counted: number | string };

/** Whether groups and total, asked beside one another, saw the same executions. A page beyond the last one has no groups. */
function areOf([first]: readonly PageRow[], total: TotalRow, { offset }: AnalyticsQuery): boolean {
  const executions = Number(total.executions);
  return first === undefined ? offset > 0 || executions === 0 : Number(first.counted) === executions;
}

/** The sums keep costs as whole pico-dollars. */
function inDollars<Row extends StoredAnalyticsRow>(row: Row): Row {
  return row.costs ? { ...row, costs: row.costs.map((pico) => formatUsd(BigInt(pico))) } : row;
}
