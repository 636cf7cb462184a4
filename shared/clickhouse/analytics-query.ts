import {
  ANALYTICS,
  type AnalyticsOrder,
  type AnalyticsQuery,
  filtersOf,
  isPeriod,
  type StoredFigure,
} from "../analytics.ts";
import { formatUsd } from "../agent/usd.ts";
import { type AnalyticsResult, readAnalytics } from "../analytics-answers.ts";
import type { StoredAnalyticsRow } from "../analytics-figures.ts";
import {
  type Basis,
  COUNTED,
  PERIODS,
  PERIODS_OF_RANGE,
  rowsBasis,
  SUMS,
  totalsBasis,
} from "./analytics-basis.ts";
import { findTotals } from "./analytics-totals.ts";
import type { ClickHouse } from "./client.ts";
import { queryForOrganization, queryGroupsForOrganization } from "./organization-query.ts";
import type { Groups } from "./read-rows.ts";

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
 * An expression that is 1 in the total when the sums miss nothing: no execution and, where percentiles are asked for, no cost.
 */
function isWholeOf(query: AnalyticsQuery, { isTotals }: Basis): string {
  if (!isTotals) return "1";
  const costs = ANALYTICS[query.kind].figures.includes("costs")
    ? "and sum(length(s.costs)) = sum(s.priced)"
    : "";
  // What a filter leaves out has to be there as well, or the sums it reads may be incomplete.
  return filtersOf(query).length > 0
    ? `(select sum(s.executions) = ${COUNTED} ${costs} from execution_totals as s where ${SUMS})`
    : `executions = ${COUNTED} ${costs}`;
}

/**
 * One select without others around it, because the engine takes longer to understand a statement of this kind than to read
 * thousands of sums.
 */
function statementOf(query: AnalyticsQuery, basis: Basis): string {
  const { groupBy, kind } = query;
  const { table, where, group, figures } = basis;
  const text = isPeriod(groupBy) ? `formatDateTime(grp, '${PERIODS[groupBy].format}', 'UTC')` : "grp";
  return `
select
  ${group} as grp,
  ${text} as key,
  ${isWholeOf(query, basis)} as is_whole,
  ${kind === "cache" ? `rank() over (order by ${HIT_RATE} desc nulls last) as rank,` : ""}
  ${selectedOf(query, figures)}
from ${table} as s
where ${where}
group by grp with totals
order by ${orderOf(query)}, grp nulls last
limit {offset:UInt64}, {limit:UInt64}
settings exact_rows_before_limit = 1`;
}

function selectedOf({ kind }: AnalyticsQuery, figures: Basis["figures"]): string {
  return ANALYTICS[kind].figures.map((name) => `${figures[name]} as ${name}`).join(",\n  ");
}

/**
 * The same of sessions, of which there are many: one pass finds out from what they are ordered by alone which ones the page
 * shows and how many there are, and the rest of the figures are computed for those. That pass tells sessions apart by a hash
 * of their names; should two ever share one, the page shows both and counts them as one. Names are compared in it only when
 * `isByName`, because that takes half as long again.
 */
function sessionsStatement(
  query: AnalyticsQuery,
  { table, where, group, figures, isTotals }: Basis,
  isByName: boolean,
): string {
  const hash = isTotals ? "s.key_hash" : `ifNull(cityHash64(${group}), 0)`;
  const order = orderOf(query);
  const ordering = orderingOf(query).map((name) => `${figures[name]} as ${name}`);
  const isShown = `${hash} in page.1`;
  // The total is that of the dimension with the fewest rows; whoever asks about sessions has no filter here.
  const ofTotals = {
    select: `s.dimension = 'source' as is_total, if(is_total, null, ${group}) as grp,
  page.3 = ${COUNTED} and (not is_total or executions = page.3) as is_whole`,
    where: `${PERIODS_OF_RANGE} and (s.dimension = 'source' or (s.dimension = {dimension:String} and ${isShown}))`,
    groupBy: "is_total, grp",
    // Wide rows would come in small blocks, and be looked at twice to leave out a few.
    settings: "settings preferred_block_size_bytes = 0, optimize_move_to_prewhere = 0",
  };
  const ofRows = {
    select: `grouping(is_shown) as is_total, ${isShown} as is_shown, if(is_shown, ${group}, null) as grp, 1 as is_whole`,
    where,
    groupBy: "is_shown, grp with rollup having is_total = 1 or (is_shown and grouping(grp) = 0)",
    settings: "",
  };
  const rest = isTotals ? ofTotals : ofRows;
  return `
with (
  select tuple(groupArray(hash), any(groups), any(counted))
  from (
    select ${hash} as hash, count() over () as groups, sum(executions) over () as counted,
      ${[...ordering, ...(isByName ? [`any(${group}) as grp`] : [])].join(", ")}
    from ${table} as s
    where ${where}
    group by hash
    order by ${order}${isByName ? ", grp nulls last" : ""}
    limit {offset:UInt64}, {limit:UInt64}
  )
) as page
select ${rest.select}, grp as key, page.2 as group_count,
  ${selectedOf(query, figures)}
from ${table} as s
where ${rest.where}
group by ${rest.groupBy}
order by is_total desc, ${order}, grp nulls last
${rest.settings}`;
}

/** Of which a page nearly always ends between sessions that are alike. */
const NAMED_ORDERS: ReadonlySet<AnalyticsOrder> = new Set(["key", "executions"]);

/**
 * The total and the page. Where it begins or ends among sessions that are alike in all but their names, those decide: a first
 * page asks for one session more to see whether it does.
 */
async function askSessions(
  query: AnalyticsQuery,
  basis: Basis,
  ask: (statement: string, limit: number) => Promise<Asked[]>,
): Promise<Asked[]> {
  if (query.offset === 0 && !NAMED_ORDERS.has(query.order)) {
    const rows = await ask(sessionsStatement(query, basis, false), query.limit + 1);
    const [last, next] = rows.slice(query.limit);
    if (last === undefined || next === undefined || !areAlike(query, last, next)) {
      return rows.slice(0, query.limit + 1);
    }
  }
  return ask(sessionsStatement(query, basis, true), query.limit);
}

function areAlike(query: AnalyticsQuery, one: Asked, other: Asked): boolean {
  return orderingOf(query).every((name) => one[name] === other[name]);
}

/** The figures that sessions are ordered by, and their executions, by which those that are alike follow. */
function orderingOf(query: AnalyticsQuery): StoredFigure[] {
  const order = orderOf(query);
  return ANALYTICS[query.kind].figures.filter((name) => name === "executions" || order.includes(name));
}

/** All but the last of what rows are ordered by: what is alike in this follows by its group. */
function orderOf({ order, isDescending }: AnalyticsQuery): string {
  const direction = isDescending ? "desc" : "asc";
  if (order === "key") return `grp ${direction} nulls last`;
  return `${ORDERS[order]} ${direction} nulls last, executions desc`;
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
  if (query.kind !== "sessions" || query.offset === 0 || result.groupCount > 0) return result;
  const first = await analyzePage(client, organizationId, { ...query, offset: 0, limit: 1 }, deadline);
  return { ...first, rows: [] };
}

async function analyzePage(
  client: ClickHouse,
  organizationId: string,
  query: AnalyticsQuery,
  deadline: Deadline,
): Promise<CopyResult> {
  const ask = async (basis: Basis, dimension: string): Promise<Answer> => {
    const params = {
      ...query.filters,
      dimension,
      from_ms: query.from.getTime(),
      to_ms: query.to.getTime(),
      limit: query.limit,
      offset: query.offset,
    };
    if (query.kind === "sessions") {
      return answerOfSessions(
        await askSessions(query, basis, (statement, limit) =>
          queryForOrganization(client, organizationId, {
            query: statement,
            params: { ...params, limit },
            ...deadline,
          }),
        ),
      );
    }
    const statement = statementOf(query, basis);
    return answerOfGroups(
      await queryGroupsForOrganization(client, organizationId, { query: statement, params, ...deadline }),
    );
  };
  const dimension = findTotals(query);
  if (dimension !== null) {
    const { rows, isWhole } = await ask(totalsBasis(query), dimension);
    if (isWhole) return { ...readAnalytics(query.kind, rows.map(inDollars)), basis: "totals" };
  }
  return { ...readAnalytics(query.kind, (await ask(rowsBasis(query), "")).rows), basis: "rows" };
}

interface Answer {
  rows: StoredAnalyticsRow[];
  isWhole: boolean;
}

type Asked = StoredAnalyticsRow & { is_whole: number };

function answerOfGroups({ rows, total, count }: Groups<Asked>): Answer {
  return {
    rows: [
      { ...total, group_count: count, is_total: 1, key: null },
      ...rows.map((row) => Object.assign(row, { group_count: count, is_total: 0 })),
    ],
    isWhole: total.is_whole === 1,
  };
}

/** Without any row nothing has told whether executions are missing. */
function answerOfSessions(rows: Asked[]): Answer {
  return { rows, isWhole: rows.length > 0 && rows.every((row) => row.is_whole === 1) };
}

/** The sums keep costs as whole pico-dollars. */
function inDollars<Row extends StoredAnalyticsRow>(row: Row): Row {
  return row.costs ? { ...row, costs: row.costs.map((pico) => formatUsd(BigInt(pico))) } : row;
}
