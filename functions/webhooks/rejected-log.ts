import { createHash } from "node:crypto";
import { describeError, type Log } from "../../shared/log.ts";
import { type Pool, withSystemRole } from "../../shared/postgres/pool.ts";
import { insertRejectedRequest, type RejectedRequest } from "../../shared/postgres/rejected-requests.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";

/** What is known of a request that is turned away. */
type Rejection = Omit<RejectedRequest, "rejectedAt" | "bodySha256"> & {
  /** Null when it was not kept. */
  body: Buffer | null;
};

/**
 * Writes down requests that were turned away, as many as is useful to look at; no request waits for it. Each source has a
 * share of its own, and all unknown addresses a smaller one together, so that nobody silences what is said of others.
 */
export interface RejectedLog {
  add: (rejection: Rejection) => void;
  /** Writes what still waits. */
  close: () => Promise<void>;
}

const UNKNOWN = "";
const SOURCE_SHARE = { perSecond: 5, burst: 20 };
const UNKNOWN_SHARE = { perSecond: 1, burst: 10 };
/** Those that wait to be written, of each source, and of all sources. */
const WAITING_MAX = 20;
const WAITING_TOTAL_MAX = 1_000;
const DETAIL_CHARS_MAX = 500;
const LEFT_OUT_EVERY_MS = 60_000;

export function createRejectedLog({
  pool,
  log,
  now,
}: {
  pool: Pool;
  log: Log;
  now: () => number;
}): RejectedLog {
  const sourceLimiter = createRateLimiter({ ...SOURCE_SHARE, now });
  const unknownLimiter = createRateLimiter({ ...UNKNOWN_SHARE, now });
  const queues = new Map<string, RejectedRequest[]>();
  let writing: Promise<void> | null = null;
  let leftOut = 0;
  let saidAt = now();

  /** The next, of each source in turn. */
  function takeNext(): RejectedRequest | undefined {
    const [first] = queues;
    if (first === undefined) return undefined;
    const [key, queue] = first;
    const next = queue.shift();
    queues.delete(key);
    if (queue.length > 0) queues.set(key, queue);
    return next;
  }

  async function write(): Promise<void> {
    for (let next = takeNext(); next !== undefined; next = takeNext()) {
      const rejected = next;
      try {
        await withSystemRole(pool, (sql) => insertRejectedRequest(sql, rejected));
      } catch (error) {
        leftOut += 1;
        log("WARNING", "a rejected request was not written down", describeError(error));
      }
    }
    writing = null;
  }

  function hasRoom(key: string): boolean {
    if ((key === UNKNOWN ? unknownLimiter : sourceLimiter).take(key) > 0) return false;
    if ((queues.get(key)?.length ?? 0) >= WAITING_MAX) return false;
    if (key === UNKNOWN) return true;
    let waiting = 0;
    for (const [source, queue] of queues) if (source !== UNKNOWN) waiting += queue.length;
    return waiting < WAITING_TOTAL_MAX;
  }

  function sayLeftOut(): void {
    if (leftOut === 0) return;
    log("WARNING", "rejected requests were too many to be written down", { left_out: leftOut });
    leftOut = 0;
    saidAt = now();
  }

  return {
    add({ body, ...rejection }) {
      if (now() - saidAt >= LEFT_OUT_EVERY_MS) sayLeftOut();
      const key = rejection.source?.id ?? UNKNOWN;
      if (!hasRoom(key)) {
        leftOut += 1;
        return;
      }
      const queue = queues.get(key) ?? [];
      queue.push({
        ...rejection,
        detail: rejection.detail.slice(0, DETAIL_CHARS_MAX),
        rejectedAt: now(),
        bodySha256: body === null ? null : createHash("sha256").update(body).digest(),
      });
      queues.set(key, queue);
      writing ??= write();
    },
    async close() {
      await writing;
      sayLeftOut();
    },
  };
}
