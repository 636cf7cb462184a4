import { type EndedEvent, endEvents } from "../../shared/postgres/event-processing.ts";
import { type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import type { EventPartitions } from "./event-partitions.ts";
import type { ClaimedEvent } from "./projection.ts";
import { type Failure, retryDelayMs } from "./retry.ts";

/** A try that did not process its event, and why. */
export interface EndOfEvent {
  event: ClaimedEvent;
  /** Milliseconds since 1970. */
  startedAt: number;
  failure: Failure;
  /** What was thrown, for the log. */
  cause?: unknown;
}

interface EndOptions {
  pool: Pool;
  partitions: EventPartitions;
  now: () => number;
  random: () => number;
}

/** Classes that mean that nothing was to be done, rather than that something went wrong. */
const IGNORED_CLASSES = new Set(["type_disabled"]);

/** Writes down how tries of one organization ended; answers the status of each event that was still this worker's. */
export async function recordEnds(
  { pool, partitions, now, random }: EndOptions,
  ends: readonly EndOfEvent[],
): Promise<Map<string, EndedEvent["status"]>> {
  const organizationId = ends[0]?.event.organizationId;
  if (organizationId === undefined) return new Map();
  const rows = ends.map((end) => endedEvent(end, now(), random));
  const moments = { startedAt: ends.map(({ startedAt }) => startedAt) };
  const ids = await partitions.write(moments, () =>
    withOrganization(pool, organizationId, (sql) => endEvents(sql, organizationId, rows)),
  );
  return new Map(rows.filter(({ id }) => ids.has(id)).map(({ id, status }) => [id, status]));
}

/** What becomes of the event: tried again later, at the end of its tries, or beyond help. */
export function endedEvent(
  { event, startedAt, failure }: EndOfEvent,
  now: number,
  random: () => number,
): EndedEvent {
  const common = {
    id: event.id,
    receivedAt: event.receivedAt,
    attempt: event.attempts,
    startedAt,
    durationMs: Math.max(0, Math.round(now - startedAt)),
    errorMessage: failure.errorMessage,
  };
  if (failure.isPermanent) {
    const status = IGNORED_CLASSES.has(failure.errorClass) ? "ignored" : "dead_letter";
    return { ...common, status, delayMs: null, errorClass: failure.errorClass };
  }
  const delayMs = retryDelayMs(event.attempts, random);
  return delayMs === null
    ? { ...common, status: "dead_letter", delayMs, errorClass: "attempts_exhausted" }
    : { ...common, status: "failed", delayMs, errorClass: failure.errorClass };
}
