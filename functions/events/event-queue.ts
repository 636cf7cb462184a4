import type { Batches } from "../../shared/batches.ts";
import { AppError } from "../../shared/errors.ts";
import type { EventKey } from "../../shared/postgres/event-processing.ts";
import type { EventOutcome } from "./process-events.ts";

export interface EventQueue {
  /**
   * Waits until an event is processed, together with others of its organization. One that is deferred queues again, behind
   * the other organizations, so that nobody's large events hold a place for long. Throws AppError `unavailable` when too
   * many wait.
   */
  process: (organizationId: string, key: EventKey) => Promise<EventOutcome>;
}

/** On batches by organization. */
export function createEventQueue(batches: Batches<EventKey, EventOutcome>): EventQueue {
  return {
    async process(organizationId, key) {
      for (;;) {
        const waiting = batches.add(organizationId, key, 1);
        if (waiting === null) {
          throw new AppError("unavailable", "too many events wait here already", { retryAfterSeconds: 5 });
        }
        const outcome = await waiting;
        // Each batch takes at least one of what is due, so this ends.
        if (outcome.status !== "deferred") return outcome;
      }
    },
  };
}
