import { setTimeout as sleep } from "node:timers/promises";
import { createBatches } from "../../shared/batches.ts";
import { setBounded } from "../../shared/bounded-map.ts";
import type { CircuitBreaker } from "../../shared/circuit-breaker.ts";
import { describeError, type Log } from "../../shared/log.ts";
import { type Nudge, nudgeMessage } from "../../shared/pubsub/nudge.ts";
import type { Publisher } from "../../shared/pubsub/publisher.ts";

/** Tells the workers of events that are stored. What cannot be told is left to the sweep. */
export interface Nudges {
  /** Says that the event is being stored and will be told of, so that its repeats need not be. */
  announce: (id: string) => void;
  /** Takes that back: it was not stored. */
  withdraw: (id: string) => void;
  /** Starts to publish it. */
  send: (nudge: Nudge) => void;
  /** The same, unless this instance has told of the event a moment ago. */
  sendAgain: (nudge: Nudge) => void;
  /** Resolves when all that was started is published or failed, or after `waitMs`; never rejects. */
  settled: () => Promise<void>;
  /** Waits for what is under way. */
  close: () => Promise<void>;
}

interface NudgesOptions {
  publisher: Publisher;
  breaker: CircuitBreaker;
  /** `projects/<project>/topics/<topic>` */
  topic: string;
  waitMs: number;
  log: Log;
  now: () => number;
}

/** One at a time and not too often, so that what comes in meanwhile shares the next: each costs as much as several events. */
const PUBLISHES_IN_FLIGHT = 1;
const PUBLISH_PAUSE_MS = 10;
const PUBLISH_TIMEOUT_MS = 5_000;
const TOLD_MS = 30_000;
const TOLD_MAX = 20_000;

export function createNudges(options: NudgesOptions): Nudges {
  const { publisher, breaker, topic, waitMs, log, now } = options;
  const underWay = new Set<Promise<void>>();
  /** When an event was told of last, or announced. */
  const told = new Map<string, number>();
  const batches = createBatches<Nudge, true>({
    run: publish,
    inFlightMax: PUBLISHES_IN_FLIGHT,
    pauseMs: PUBLISH_PAUSE_MS,
    batchItemsMax: 1_000,
    batchBytesMax: Infinity,
    queuedItemsMax: 20_000,
    queuedBytesMax: Infinity,
  });

  async function publish(_topic: string, nudges: readonly Nudge[]): Promise<true[]> {
    if (!breaker.allows()) {
      for (const { id } of nudges) told.delete(id);
      return nudges.map(() => true);
    }
    const wasOpen = breaker.isOpen();
    try {
      await publisher.publish(topic, nudges.map(nudgeMessage), AbortSignal.timeout(PUBLISH_TIMEOUT_MS));
      breaker.succeeded();
    } catch (error) {
      for (const { id } of nudges) told.delete(id);
      breaker.failed();
      if (!wasOpen && breaker.isOpen()) {
        log(
          "ERROR",
          "Pub/Sub does not take messages; the sweep tells of what is stored",
          describeError(error),
        );
      }
    }
    return nudges.map(() => true);
  }

  function send(nudge: Nudge): void {
    setBounded(told, nudge.id, now(), TOLD_MAX);
    const added = batches.add(topic, nudge, 0);
    if (added === null) {
      told.delete(nudge.id);
      return;
    }
    const done = settle(added).finally(() => underWay.delete(done));
    underWay.add(done);
  }

  async function settle(added: Promise<true>): Promise<void> {
    try {
      await added;
    } catch (error) {
      log("ERROR", "messages were not published; the sweep tells of what is stored", describeError(error));
    }
  }

  async function settled(): Promise<void> {
    if (underWay.size === 0) return;
    const timeout = new AbortController();
    await Promise.race([
      Promise.all(underWay),
      sleep(waitMs, undefined, { signal: timeout.signal }).catch(() => {}),
    ]);
    timeout.abort();
  }

  return {
    announce: (id) => setBounded(told, id, now(), TOLD_MAX),
    withdraw: (id) => told.delete(id),
    send,
    sendAgain(nudge) {
      const at = told.get(nudge.id);
      if (at === undefined || now() - at >= TOLD_MS) send(nudge);
    },
    settled,
    async close() {
      await Promise.all(underWay);
    },
  };
}
