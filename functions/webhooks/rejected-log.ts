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

/** Writes down requests that were turned away, as many as is useful to look at; no request waits for it. */
export interface RejectedLog {
  add: (rejection: Rejection) => void;
  /** Writes what still waits. */
  close: () => Promise<void>;
}

const PER_SECOND = 5;
const BURST = 20;
const WAITING_MAX = 100;
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
  const limiter = createRateLimiter({ perSecond: PER_SECOND, burst: BURST, now });
  const waiting: RejectedRequest[] = [];
  let writing: Promise<void> | null = null;
  let leftOut = 0;
  let saidAt = now();

  async function write(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
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

  function sayLeftOut(): void {
    if (leftOut === 0) return;
    log("WARNING", "rejected requests were too many to be written down", { left_out: leftOut });
    leftOut = 0;
    saidAt = now();
  }

  return {
    add({ body, ...rejection }) {
      if (now() - saidAt >= LEFT_OUT_EVERY_MS) sayLeftOut();
      if (limiter.take("") > 0 || waiting.length >= WAITING_MAX) {
        leftOut += 1;
        return;
      }
      waiting.push({
        ...rejection,
        detail: rejection.detail.slice(0, DETAIL_CHARS_MAX),
        rejectedAt: now(),
        bodySha256: body === null ? null : createHash("sha256").update(body).digest(),
      });
      writing ??= write();
    },
    async close() {
      await writing;
      sayLeftOut();
    },
  };
}
