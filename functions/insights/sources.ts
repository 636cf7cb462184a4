import { createCircuitBreaker } from "../../shared/circuit-breaker.ts";
import type { ClickHouse } from "../../shared/clickhouse/client.ts";
import type { AnalyticsQuery } from "../../shared/analytics.ts";
import type { AnalyticsResult } from "../../shared/analytics-answers.ts";
import { analyzeCopy, type CopyResult } from "../../shared/clickhouse/analytics-query.ts";
import { listCopiedCells } from "../../shared/clickhouse/insight-cells.ts";
import { type CopiedSessions, listCopiedSessions } from "../../shared/clickhouse/insight-sessions.ts";
import { isClickHouseAway } from "../../shared/clickhouse/outage.ts";
import { summarizeAnalytics } from "../../shared/clickhouse/summary.ts";
import { AppError } from "../../shared/errors.ts";
import type { InsightCells, InsightRange, PriceTolerance } from "../../shared/insight-cells.ts";
import { describeError, type Log } from "../../shared/log.ts";
import { isPassing, type Sql } from "../../shared/postgres/pool.ts";
import type { Reader } from "../../shared/postgres/replicas.ts";
import { countWaiting } from "../../shared/postgres/analytics-outbox.ts";
import { analyzeLedger } from "../../shared/postgres/analytics-query.ts";
import { countPending, summarizeLedger } from "../../shared/postgres/summary.ts";
import type { Summary, SummaryQuery } from "../../shared/summary.ts";

export type Source = "analytics" | "ledger";

/** What findings are worked out from, as far as the analytics copy has it. */
export interface CopiedFacts extends CopiedSessions {
  cells: InsightCells;
}

/** The two stores a question can go to, both bounded in time; what passes is told apart from what is a bug. */
export interface Sources {
  ledger: (organizationId: string, query: SummaryQuery) => Promise<Summary>;
  /** Null when the analytics copy cannot answer now, which the log says. */
  analytics: (organizationId: string, query: SummaryQuery) => Promise<Summary | null>;
  /** One of the questions of `GET /v1/analytics`, to either store. */
  analyzeLedger: (organizationId: string, query: AnalyticsQuery) => Promise<AnalyticsResult>;
  analyzeCopy: (organizationId: string, query: AnalyticsQuery) => Promise<CopyResult | null>;
  /** `tieredModels` have a price by the size of a request. */
  copiedFacts: (
    organizationId: string,
    range: InsightRange,
    about: { tolerance: PriceTolerance; tieredModels: readonly string[] },
  ) => Promise<CopiedFacts | null>;
  /** What no figure holds. One read, because it is asked beside each question. */
  leftOut: (organizationId: string, range: Pick<SummaryQuery, "from" | "to">) => Promise<LeftOut>;
}

interface LeftOut {
  /** Executions of the range that have not ended. */
  pending: number;
  /** Executions that have not reached the analytics copy, of any time; counted up to a bound. */
  waiting: number;
}

interface SourcesOptions {
  reader: Reader;
  clickhouse: ClickHouse;
  log: Log;
  now: () => number;
  timeoutMs: number;
}

const WAITING_MAX = 100_000;
/** After a failure the analytics copy is left alone for this long, then one question tries it: not every one waits for it. */
const REST_MS = 5_000;
/** What findings are worked out from takes several statements, which together may take so many times as long as one. */
const FINDINGS_TIMES = 3;

export function createSources({ reader, clickhouse, log, now, timeoutMs }: SourcesOptions): Sources {
  const breaker = createCircuitBreaker({ failuresMax: 1, openMs: REST_MS, now });
  const inLedger = <T>(organizationId: string, work: (sql: Sql) => Promise<T>): Promise<T> =>
    orUnavailable(reader.read(organizationId, work));
  async function fromCopy<T>(
    work: (deadline: { signal: AbortSignal; maxSeconds: number }) => Promise<T>,
    withinMs = timeoutMs,
  ): Promise<T | null> {
    if (!breaker.allows()) return null;
    try {
      const answer = await work({
        signal: AbortSignal.timeout(withinMs),
        maxSeconds: Math.ceil(withinMs / 1_000),
      });
      breaker.succeeded();
      return answer;
    } catch (error) {
      if (!isClickHouseAway(error)) throw error;
      breaker.failed();
      log("WARNING", "the analytics copy did not answer", describeError(error));
      return null;
    }
  }
  return {
    ledger: (organizationId, query) =>
      inLedger(organizationId, (sql) => summarizeLedger(sql, organizationId, query)),
    analytics: (organizationId, query) =>
      fromCopy((deadline) => summarizeAnalytics(clickhouse, organizationId, query, deadline)),
    analyzeLedger: (organizationId, query) =>
      inLedger(organizationId, (sql) => analyzeLedger(sql, organizationId, query)),
    analyzeCopy: (organizationId, query) =>
      fromCopy((deadline) => analyzeCopy(clickhouse, organizationId, query, deadline)),
    copiedFacts: (organizationId, range, { tolerance, tieredModels }) =>
      fromCopy(
        async (deadline) => ({
          cells: await listCopiedCells(clickhouse, organizationId, range, tolerance, deadline),
          ...(await listCopiedSessions(clickhouse, organizationId, range, tieredModels, deadline)),
        }),
        FINDINGS_TIMES * timeoutMs,
      ),
    leftOut: (organizationId, range) =>
      inLedger(organizationId, async (sql) => ({
        pending: await countPending(sql, organizationId, range),
        waiting: await countWaiting(sql, WAITING_MAX, ["executions"]),
      })),
  };
}

/**
 * Asks the store that was wanted; when the choice was ours (null), the analytics copy first and the ledger when that
 * cannot answer.
 */
export async function askEither<Copied extends Exact, Exact>(
  wanted: Source | null,
  stores: { analytics: () => Promise<Copied | null>; ledger: () => Promise<Exact> },
): Promise<{ result: Copied | Exact; source: Source; fallback: boolean }> {
  if (wanted === "ledger") return { result: await stores.ledger(), source: "ledger", fallback: false };
  const result = await stores.analytics();
  if (result !== null) return { result, source: "analytics", fallback: false };
  if (wanted === null) return { result: await stores.ledger(), source: "ledger", fallback: true };
  throw new AppError(
    "unavailable",
    "the analytics copy cannot be reached; source=ledger gives the same figures",
    { retryAfterSeconds: 5 },
  );
}

/** Runs work on the ledger; what may pass becomes a refusal that asks to come again. */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof AppError || !isPassing(cause)) throw cause;
    throw new AppError(
      "unavailable",
      "the ledger did not answer in time; ask again, or for a shorter range",
      {
        cause,
        retryAfterSeconds: 2,
      },
    );
  }
}
