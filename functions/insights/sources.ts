import { ClickHouseError } from "@clickhouse/client";
import type { ClickHouse } from "../../shared/clickhouse/client.ts";
import { summarizeAnalytics } from "../../shared/clickhouse/summary.ts";
import { AppError } from "../../shared/errors.ts";
import { describeError, type Log } from "../../shared/log.ts";
import { isPassing, type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import { countWaiting } from "../../shared/postgres/analytics-outbox.ts";
import { countPending, summarizeLedger } from "../../shared/postgres/summary.ts";
import type { Summary, SummaryQuery } from "../../shared/summary.ts";

export type Source = "analytics" | "ledger";

/** The two stores a question can go to, both bounded in time; what passes is told apart from what is a bug. */
export interface Sources {
  ledger: (organizationId: string, query: SummaryQuery) => Promise<Summary>;
  /** Null when the analytics copy cannot answer now, which the log says. */
  analytics: (organizationId: string, query: SummaryQuery) => Promise<Summary | null>;
  pending: (organizationId: string, query: SummaryQuery) => Promise<number>;
  /** Executions that have not reached the analytics copy, of any time; counted up to a bound. */
  waiting: (organizationId: string) => Promise<number>;
}

interface SourcesOptions {
  pool: Pool;
  clickhouse: ClickHouse;
  log: Log;
  now: () => number;
  timeoutMs: number;
}

const WAITING_MAX = 100_000;
/** After a failure the analytics copy is left alone for this long, so that not every question waits for it. */
const REST_MS = 5_000;

export function createSources({ pool, clickhouse, log, now, timeoutMs }: SourcesOptions): Sources {
  let awayUntil = 0;
  return {
    ledger: (organizationId, query) =>
      orUnavailable(
        withOrganization(pool, organizationId, (sql) => summarizeLedger(sql, organizationId, query)),
      ),
    pending: (organizationId, query) =>
      orUnavailable(
        withOrganization(pool, organizationId, (sql) => countPending(sql, organizationId, query)),
      ),
    waiting: (organizationId) =>
      orUnavailable(
        withOrganization(pool, organizationId, (sql) => countWaiting(sql, WAITING_MAX, ["executions"])),
      ),
    async analytics(organizationId, query) {
      if (now() < awayUntil) return null;
      try {
        return await summarizeAnalytics(clickhouse, organizationId, query, {
          signal: AbortSignal.timeout(timeoutMs),
          maxSeconds: Math.ceil(timeoutMs / 1_000),
        });
      } catch (error) {
        if (!isAway(error)) throw error;
        awayUntil = now() + REST_MS;
        log("WARNING", "the analytics copy did not answer", describeError(error));
        return null;
      }
    },
  };
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

/** No table or database yet, deadlines, limits, lost nodes, access: what an operator can set right. The rest is a bug. */
const PASSING_CODES = new Set([
  "60",
  "81",
  "159",
  "160",
  "202",
  "203",
  "209",
  "210",
  "241",
  "279",
  "394",
  "425",
  "516",
]);

function isAway(error: unknown): boolean {
  if (error instanceof ClickHouseError) return PASSING_CODES.has(error.code);
  return error instanceof Error && !(error instanceof TypeError || error instanceof RangeError);
}
