import { ANALYTICS, type AnalyticsOrder, type AnalyticsQuery, filtersOf, isPeriod } from "../analytics.ts";
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
order by ${orderOf(query)}
limit {offset:UInt64}, {limit:UInt64}
settings exact_rows_before_limit = 1`;
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
  // The total is that of the dimension with the fewest rows; whoever asks about sessions has no filter here.
  const ofTotals = {
    select: `s.dimension = 'source' as is_total, if(is_total, null, s.key) as grp,
  page.4 = ${COUNTED} and (not is_total or executions = page.4) as is_whole`,
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
select ${rest.select}, grp as key, page.3 as group_count,
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
      const statement = sessionsStatement(query, basis);
      return answerOfSessions(
        await queryForOrganization(client, organizationId, { query: statement, params, ...deadline }),
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
