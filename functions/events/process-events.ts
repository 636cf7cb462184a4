import { describeError, type Log } from "../../shared/log.ts";
import { claimEvents, type ClaimedRow, type EventKey } from "../../shared/postgres/event-processing.ts";
import { type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import { applyEvents, type ReadyEvent } from "./apply-events.ts";
import { type EndOfEvent, recordEnds } from "./end-events.ts";
import { createEventPartitions } from "./event-partitions.ts";
import { BATCH_BODY_BYTES_MAX } from "./limits.ts";
import type { Nudger } from "./nudge-workers.ts";
import { projectEvent } from "./project-event.ts";
import type { ClaimedEvent } from "./projection.ts";
import { ATTEMPTS_MAX, LEASES_MS, readFailureOf, writeFailureOf } from "./retry.ts";

/**
 * What became of an event. `skipped`: it was done already, is not due, or another worker has it. `deferred`: it is due, but
 * was too much beside the others of its call; it is to be brought again.
 */
export interface EventOutcome {
  status: "processed" | "failed" | "dead_letter" | "ignored" | "skipped" | "deferred";
  isUnknownType: boolean;
}

export interface EventProcessor {
  /**
   * Processes events of one organization together, as many as one claim takes and at least one that is due, and answers each
   * one's outcome, which is in the database by then. Rejects only when the database cannot be written to: the events are
   * then due again when their claim is over.
   */
  process: (organizationId: string, keys: readonly EventKey[]) => Promise<EventOutcome[]>;
}

export interface ProcessorOptions {
  pool: Pool;
  nudger: Nudger;
  log: Log;
  now: () => number;
  random: () => number;
}

const SKIPPED: EventOutcome = { status: "skipped", isUnknownType: false };
const DEFERRED: EventOutcome = { status: "deferred", isUnknownType: false };
/** Two transactions that lock each other up are told apart at once, without a wait of minutes. */
const APPLY_TRIES = 3;
const CONFLICTS = new Set(["40001", "40P01"]);

export function createEventProcessor(options: ProcessorOptions): EventProcessor {
  const { pool, log, now } = options;
  const partitions = createEventPartitions(pool);
  // Taken in turns: where new events never end, those that were taken before would wait forever behind them.
  let isSuspiciousFirst = true;

  async function handle(events: readonly ClaimedEvent[], outcomes: Map<string, EventOutcome>): Promise<void> {
    const ends: EndOfEvent[] = [];
    const ready: ReadyEvent[] = [];
    for (const event of events) {
      const prepared = prepare(event, Math.max(now(), event.receivedAt));
      if ("failure" in prepared) ends.push(prepared);
      else ready.push(prepared);
    }
    ends.push(...(await applyOrSplit(ready, outcomes)));
    if (ends.length > 0) await endAll(ends, outcomes);
  }

  /** Applies the batch; where its data is at fault, each event by itself. Answers those that could not be applied. */
  async function applyOrSplit(
    batch: readonly ReadyEvent[],
    outcomes: Map<string, EventOutcome>,
  ): Promise<EndOfEvent[]> {
    if (batch.length === 0) return [];
    try {
      const applied = await applyWithTries(batch);
      for (const { event } of batch) {
        const isUnknownType = !event.isKnownType;
        outcomes.set(event.id, applied.has(event.id) ? { status: "processed", isUnknownType } : SKIPPED);
      }
      return [];
    } catch (error) {
      const failure = writeFailureOf(error);
      if (failure.isPermanent && batch.length > 1) {
        const ends: EndOfEvent[] = [];
        for (const one of batch) ends.push(...(await applyOrSplit([one], outcomes)));
        return ends;
      }
      return batch.map(({ event, startedAt }) => ({ event, startedAt, failure, cause: error }));
    }
  }

  async function applyWithTries(batch: readonly ReadyEvent[]): Promise<Set<string>> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await applyEvents({ ...options, partitions }, batch);
      } catch (error) {
        if (tries === APPLY_TRIES || !isConflict(error)) throw error;
      }
    }
  }

  async function endAll(ends: readonly EndOfEvent[], outcomes: Map<string, EventOutcome>): Promise<void> {
    const recorded = await recordEnds({ ...options, partitions }, ends);
    for (const { event, failure, cause } of ends) {
      const status = recorded.get(event.id);
      outcomes.set(event.id, status === undefined ? SKIPPED : { status, isUnknownType: !event.isKnownType });
      if (status === undefined || status === "ignored") continue;
      log(status === "failed" ? "WARNING" : "ERROR", `an event could not be processed: ${status}`, {
        organization_id: event.organizationId,
        id: event.id,
        event_type: event.eventType,
        attempts: event.attempts,
        error_class: failure.errorClass,
        ...(cause === undefined ? {} : describeError(cause)),
      });
    }
  }

  return {
    async process(organizationId, keys) {
      const outcomes = new Map<string, EventOutcome>();
      isSuspiciousFirst = !isSuspiciousFirst;
      const bounds = { bytesMax: BATCH_BODY_BYTES_MAX, leasesMs: LEASES_MS, isSuspiciousFirst };
      const claimed = await withOrganization(pool, organizationId, (sql) =>
        claimEvents(sql, organizationId, distinct(keys), bounds),
      );
      for (const { id } of claimed.deferred) outcomes.set(id, DEFERRED);
      await handle(
        claimed.events.map((row) => asClaimedEvent(organizationId, row)),
        outcomes,
      );
      return keys.map(({ id }) => outcomes.get(id) ?? SKIPPED);
    },
  };
}

/** Computes what the event comes to, or why it comes to nothing. */
function prepare(event: ClaimedEvent, startedAt: number): ReadyEvent | EndOfEvent {
  if (event.attempts > ATTEMPTS_MAX) {
    const errorMessage = "its workers were gone before they ended, again and again";
    const failure = { isPermanent: true, errorClass: "attempts_exhausted", errorMessage };
    return { event, startedAt, failure };
  }
  if (!event.isEnabledType) {
    const errorMessage = "the event's type is switched off";
    return { event, startedAt, failure: { isPermanent: true, errorClass: "type_disabled", errorMessage } };
  }
  try {
    return { event, startedAt, projected: projectEvent(event) };
  } catch (error) {
    return { event, startedAt, failure: readFailureOf(error), cause: error };
  }
}

function distinct(keys: readonly EventKey[]): EventKey[] {
  return [...new Map(keys.map((key) => [key.id, key])).values()];
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && "code" in error && CONFLICTS.has(String(error.code));
}

function asClaimedEvent(organizationId: string, row: ClaimedRow): ClaimedEvent {
  return {
    organizationId,
    id: row.id,
    receivedAt: row.received_at.getTime(),
    sourceId: row.source_id,
    source: row.source,
    eventType: row.event_type,
    action: row.action,
    deliveryKey: row.delivery_key,
    headers: row.headers,
    contentType: row.content_type ?? "",
    body: row.body,
    attempts: row.attempts,
    replays: row.replays,
    isKnownType: row.is_known_type,
    isEnabledType: row.is_enabled_type,
  };
}
