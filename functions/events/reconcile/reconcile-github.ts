import { describeError, type Log } from "../../../shared/log.ts";
import type { ReconcilableSource } from "../../../shared/postgres/event-reconciliation.ts";
import {
  findReconcilableSource,
  listReconcilableSources,
  withSourceLock,
  withSystemConnection,
} from "../../../shared/postgres/event-reconciliation.ts";
import type { Pool, Sql } from "../../../shared/postgres/pool.ts";
import type { SecretSource } from "../../../shared/secret-source.ts";
import { RateLimited } from "./github-deliveries.ts";
import { reconcileSource } from "./reconcile-source.ts";
import type { SourceOutcome } from "./visit.ts";

export interface ReconcilerOptions {
  /** One connection of it is used by a run. */
  pool: Pool;
  secrets: SecretSource;
  /** https://api.github.com, or that of an enterprise server. */
  apiUrl: string;
  log: Log;
  now: () => number;
  fetchTimeoutMs?: number;
}

export interface Reconciled {
  /** Sources looked at in this run. */
  sources: number;
  /** Events GitHub has tried to deliver, in what was read. */
  listed: number;
  /** Those whose turn it was, which GitHub believes delivered and that are not here. */
  missing: number;
  /** Those whose turn it was, no attempt of which was answered with OK. */
  failed: number;
  /** Those GitHub was asked to deliver again. */
  redelivered: number;
  /** Those that are left: they failed too often, or GitHub has them no more. */
  abandoned: number;
  /** Sources that could not be looked at, and requests for redelivery that were refused. */
  errors: number;
}

const SOURCES_MAX = 1_000;
const FETCH_TIMEOUT_MS = 15_000;
/** The least a source gets, unless it is the last of a run: a share of a second would bring it nowhere. */
const TURN_MS_MIN = 5_000;

/**
 * Compares what GitHub says it has delivered with what came, and asks again for what failed or is not here: GitHub never
 * repeats a delivery by itself. Each source gets a part of the time and goes on next time where it stopped; who waited
 * longest comes first. Any number of runs at once do the work of one.
 */
export function createReconciler(options: ReconcilerOptions): {
  /** Runs for at most `deadlineMs`. Throws only when the database fails. */
  reconcile: (deadlineMs: number) => Promise<Reconciled>;
} {
  const { pool, log, now, fetchTimeoutMs = FETCH_TIMEOUT_MS } = options;
  /** Null when another run has this source, or had it since it was listed. */
  async function visit(
    sql: Sql,
    listed: Omit<ReconcilableSource, "state">,
    turn: { turnEnd: number; until: number },
  ): Promise<SourceOutcome | null> {
    return await withSourceLock(sql, listed.id, async () => {
      const source = await findReconcilableSource(sql, listed.id);
      if (source === null || source.visitedAt !== listed.visitedAt) return null;
      return await reconcileSource(sql, source, { ...options, fetchTimeoutMs, ...turn });
    });
  }

  return {
    reconcile: (deadlineMs) =>
      withSystemConnection(pool, async (sql) => {
        const until = now() + deadlineMs;
        const total: Reconciled = {
          sources: 0,
          listed: 0,
          missing: 0,
          failed: 0,
          redelivered: 0,
          abandoned: 0,
          errors: 0,
        };
        const sources = await listReconcilableSources(sql, now(), SOURCES_MAX);
        for (const [at, source] of sources.entries()) {
          const leftMs = until - now();
          if (leftMs <= 0 || (at > 0 && leftMs < TURN_MS_MIN)) break;
          const turnMs = Math.max(TURN_MS_MIN, leftMs / (sources.length - at));
          const outcome = await visit(sql, source, { turnEnd: Math.min(until, now() + turnMs), until });
          if (outcome === null) continue;
          total.sources += 1;
          total.listed += outcome.listed;
          total.missing += outcome.missing;
          total.failed += outcome.failed;
          total.redelivered += outcome.redelivered;
          total.abandoned += outcome.abandoned;
          total.errors += outcome.errors;
          const ids = { source_id: source.id, organization_id: source.organizationId };
          if (outcome.stopped instanceof RateLimited) {
            log("INFO", "GitHub's rate limit is reached; this source goes on later", ids);
          } else if (outcome.stopped !== null) {
            log("WARNING", "a source could not be reconciled", { ...ids, ...describeError(outcome.stopped) });
          }
        }
        return total;
      }),
  };
}
