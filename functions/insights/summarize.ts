import { getSnapshotName } from "../../shared/postgres/summary.ts";
import type { SummaryGroup, SummaryMeasures, SummaryRow } from "../../shared/summary.ts";
import type { InsightsContext } from "./context.ts";
import { writePageToken } from "./page-token.ts";
import { askEither, orUnavailable, type Source } from "./sources.ts";
import type { SummaryParameters } from "./summary-parameters.ts";

/** The answer of `GET /v1/summary`. */
export interface SummaryAnswer {
  source: Source;
  /** The analytics copy was to be asked and could not answer, so the ledger did. */
  fallback: boolean;
  from: string;
  /** The first moment that no longer counts. */
  to: string;
  group_by: SummaryGroup;
  total: SummaryMeasures;
  /** Executions of the range that have not ended; in no other figure. Always from the ledger. */
  pending: number;
  /** Executions the analytics copy has not got yet, of any time: while it is not 0, that source shows less. */
  waiting: number;
  /** Number of groups, on this page or not. */
  groups: number;
  rows: SummaryRow[];
  next_page_token: string | null;
}

/** Answers from the cache while nothing has been committed since, else from the source asked for. */
export async function summarize(
  context: InsightsContext,
  organizationId: string,
  parameters: SummaryParameters,
): Promise<{ answer: SummaryAnswer; cached: boolean }> {
  const state = await orUnavailable(getSnapshotName(context.pool));
  const question = JSON.stringify([organizationId, parameters]);
  return context.cache.get(question, state, () => compute(context, organizationId, parameters));
}

async function compute(
  context: InsightsContext,
  organizationId: string,
  parameters: SummaryParameters,
): Promise<SummaryAnswer> {
  const { sources } = context;
  const [{ result: summary, source, fallback }, leftOut] = await Promise.all([
    askEither(parameters.source, {
      analytics: () => sources.analytics(organizationId, parameters),
      ledger: () => sources.ledger(organizationId, parameters),
    }),
    sources.leftOut(organizationId, parameters),
  ]);
  const { from, to, groupBy, offset } = parameters;
  const next = offset + summary.rows.length;
  return {
    source,
    fallback,
    from: from.toISOString(),
    to: to.toISOString(),
    group_by: groupBy,
    total: summary.total,
    ...leftOut,
    groups: summary.groupCount,
    rows: summary.rows,
    next_page_token:
      summary.rows.length > 0 && next < summary.groupCount
        ? writePageToken({ from, to, groupBy, source, offset: next })
        : null,
  };
}
