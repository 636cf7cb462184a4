import { setBounded } from "../../../shared/bounded-map.ts";
import { describeError, type Log } from "../../../shared/log.ts";
import type { ReconcilableSource } from "../../../shared/postgres/event-reconciliation.ts";
import {
  listReconcilableSources,
  withSourceLock,
  withSystemConnection,
} from "../../../shared/postgres/event-reconciliation.ts";
import type { Pool, Sql } from "../../../shared/postgres/pool.ts";
import type { SecretSource } from "../../../shared/secret-source.ts";
import { RateLimited } from "./github-deliveries.ts";
import { type Asked, reconcileSource, type SourceOutcome } from "./reconcile-source.ts";

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
  /** Events GitHub has tried to deliver, in the windows that were read. */
  listed: number;
  /** Those GitHub believes delivered and that are not here. */
  missing: number;
  /** Those no attempt of which was answered with OK. */
  failed: number;
  /** Those GitHub was asked to deliver again. */
  redelivered: number;
  /** Sources that could not be looked at, and requests for redelivery that were refused. */
  errors: number;
}

const SOURCES_MAX = 1_000;
const FETCH_TIMEOUT_MS = 15_000;
const PAUSES_MAX = 10_000;

/**
 * Compares what GitHub says it has delivered with what came, and asks again for what failed or is not here: GitHub never
 * repeats a delivery by itself. Any number of runs at once do the work of one.
 */
export function createReconciler(options: ReconcilerOptions): {
  /** Runs for at most `deadlineMs`. Throws only when the database fails. */
  reconcile: (deadlineMs: number) => Promise<Reconciled>;
} {
  const { pool, log, now, fetchTimeoutMs = FETCH_TIMEOUT_MS } = options;
  // By source: not before this time, in milliseconds since 1970.
  const pauses = new Map<string, number>();
  // GitHub lists a redelivery only once it was attempted.
  const asked: Asked = new Map();

  async function visit(sql: Sql, source: ReconcilableSource, until: number): Promise<SourceOutcome | null> {
    if ((pauses.get(source.id) ?? 0) > now()) return null;
    const settings = { ...options, fetchTimeoutMs, until, asked };
    return await withSourceLock(sql, source.id, () => reconcileSource(sql, source, settings));
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
          errors: 0,
        };
        for (const source of await listReconcilableSources(sql, SOURCES_MAX)) {
          if (now() >= until) break;
          const outcome = await visit(sql, source, until);
          if (outcome === null) continue;
          total.sources += 1;
          total.listed += outcome.listed;
          total.missing += outcome.missing;
          total.failed += outcome.failed;
          total.redelivered += outcome.redelivered;
          total.errors += outcome.errors;
          const ids = { source_id: source.id, organization_id: source.organizationId };
          if (outcome.stopped instanceof RateLimited) {
            setBounded(pauses, source.id, outcome.stopped.until, PAUSES_MAX);
            log("INFO", "GitHub's rate limit is reached; this source goes on later", ids);
          } else if (outcome.stopped !== null) {
            log("WARNING", "a source could not be reconciled", { ...ids, ...describeError(outcome.stopped) });
          }
        }
        return total;
      }),
  };
}
