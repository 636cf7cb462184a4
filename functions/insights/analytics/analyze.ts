import {
  type AnalyticsFilter,
  type AnalyticsGroup,
  type AnalyticsKind,
  isPeriod,
} from "../../../shared/analytics.ts";
import type { AnalyticsResult, AnalyticsRow } from "../../../shared/analytics-answers.ts";
import { getSnapshotName } from "../../../shared/postgres/summary.ts";
import type { InsightsContext } from "../context.ts";
import { askEither, orUnavailable, type Source } from "../sources.ts";
import { fillPeriods } from "./fill-periods.ts";
import { writeAnalyticsToken } from "./page-token.ts";
import type { AnalyticsParameters } from "./parameters.ts";

/** The answer of `GET /v1/analytics/{kind}`; the columns of its rows are told in shared/analytics-answers.ts. */
export interface AnalyticsAnswer {
  kind: AnalyticsKind;
  source: Source;
  /** The analytics copy was to be asked and could not answer, so the ledger did. */
  fallback: boolean;
  from: string;
  /** The first moment that no longer counts. */
  to: string;
  group_by: AnalyticsGroup;
  order: string;
  direction: "asc" | "desc";
  filters: Readonly<Partial<Record<AnalyticsFilter, string>>>;
  total: AnalyticsRow;
  /** Executions of the range that have not ended, whatever the filters are; in no other figure. From the ledger. */
  pending: number;
  /** Executions the analytics copy has not got yet, of any time: while it is not 0, that source shows less. */
  waiting: number;
  /** Number of groups, on this page or not; of trends, every period of the range. */
  groups: number;
  rows: readonly AnalyticsRow[];
  next_page_token: string | null;
}

/** More periods than the longest range has. */
const PERIODS_MAX = 1_000;

/** Answers from the cache while nothing has been committed since, else from the source asked for, when it is its turn. */
export async function analyze(
  context: InsightsContext,
  organizationId: string,
  parameters: AnalyticsParameters,
): Promise<{ answer: AnalyticsAnswer; cached: boolean }> {
  const state = await orUnavailable(getSnapshotName(context.pool));
  const question = JSON.stringify([organizationId, parameters]);
  return context.analyticsCache.get(question, state, () =>
    context.analyticsGate.run(organizationId, () => compute(context, organizationId, parameters)),
  );
}

async function compute(
  { sources }: InsightsContext,
  organizationId: string,
  parameters: AnalyticsParameters,
): Promise<AnalyticsAnswer> {
  // Periods that nothing ended in are not in the stores, so pages of periods are cut here.
  const query = isPeriod(parameters.groupBy)
    ? { ...parameters, limit: PERIODS_MAX, offset: 0, isDescending: false }
    : parameters;
  const [{ result, source, fallback }, leftOut] = await Promise.all([
    askEither(parameters.source, {
      analytics: () => sources.analyzeCopy(organizationId, query),
      ledger: () => sources.analyzeLedger(organizationId, query),
    }),
    sources.leftOut(organizationId, parameters),
  ]);
  const { kind, from, to, groupBy, order, isDescending, filters, offset } = parameters;
  const { rows, groups } = pageOf(result, parameters);
  const next = offset + rows.length;
  return {
    kind,
    source,
    fallback,
    from: from.toISOString(),
    to: to.toISOString(),
    group_by: groupBy,
    order,
    direction: isDescending ? "desc" : "asc",
    filters,
    total: result.total,
    ...leftOut,
    groups,
    rows,
    next_page_token:
      rows.length > 0 && next < groups
        ? writeAnalyticsToken({
            kind,
            from,
            to,
            groupBy,
            order,
            isDescending,
            filters,
            source,
            offset: next,
          })
        : null,
  };
}

function pageOf(
  result: AnalyticsResult,
  { kind, from, to, groupBy, isDescending, limit, offset }: AnalyticsParameters,
): { rows: readonly AnalyticsRow[]; groups: number } {
  if (!isPeriod(groupBy)) return { rows: result.rows, groups: result.groupCount };
  const filled = fillPeriods(kind, result.rows, { from, to, period: groupBy });
  const ordered = isDescending ? filled.toReversed() : filled;
  return { rows: ordered.slice(offset, offset + limit), groups: filled.length };
}
