import { setTimeout as sleep } from "node:timers/promises";
import { setBounded } from "../../shared/bounded-map.ts";
import { AppError } from "../../shared/errors.ts";
import { type EventSource, findEventSource } from "../../shared/postgres/event-sources.ts";
import type { Pool } from "../../shared/postgres/pool.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { unavailable } from "./refusals.ts";

/**
 * The sources behind addresses, each looked up once in a while, those that do not exist included. Without the database
 * they throw "come again", and so they do where too many addresses nobody knows are asked for at once.
 */
export interface Sources {
  find: (endpointId: string) => Promise<EventSource | null>;
  /** The same as it is now or was a second ago: for what may be wrong only because a source has just been changed. */
  findAnew: (endpointId: string) => Promise<EventSource | null>;
  /** As it was at `since` (ms since 1970) or later. Whoever asks for the same within a fifth of a second shares a look-up. */
  findSince: (endpointId: string, since: number) => Promise<EventSource | null>;
}

const TTL_MS = 5_000;
const ANEW_MS = 1_000;
const KNOWN_MAX = 10_000;
const UNKNOWN_MAX = 2_000;
/** Look-ups of addresses that are not known yet: what strangers make up must not keep the database busy. */
const UNKNOWN_PER_SECOND = 50;
/** Forged requests must not keep the database busy either: they wait for one another. */
const AGAIN_EVERY_MS = 200;

interface Entry {
  source: Promise<EventSource | null>;
  at: number;
}

export function createSources({ pool, now }: { pool: Pool; now: () => number }): Sources {
  const known = new Map<string, Entry>();
  // Apart, so that no number of made-up addresses drives out a real one.
  const unknown = new Map<string, Entry>();
  const unknownLimiter = createRateLimiter({
    perSecond: UNKNOWN_PER_SECOND,
    burst: 2 * UNKNOWN_PER_SECOND,
    now,
  });
  const agains = new Map<string, Promise<EventSource | null>>();

  const entryOf = (endpointId: string): Entry | undefined => known.get(endpointId) ?? unknown.get(endpointId);

  async function lookUp(endpointId: string): Promise<EventSource | null> {
    const isKnown = known.has(endpointId);
    const waitSeconds = isKnown ? 0 : unknownLimiter.take("");
    if (waitSeconds > 0) {
      // Not 404: it may well be the address of a source that nobody has sent to yet.
      throw new AppError("unavailable", "too many addresses are being looked up; send it again", {
        retryAfterSeconds: waitSeconds,
      });
    }
    const entry: Entry = { source: read(), at: now() };
    if (isKnown) setBounded(known, endpointId, entry, KNOWN_MAX);
    else setBounded(unknown, endpointId, entry, UNKNOWN_MAX);
    return entry.source;

    async function read(): Promise<EventSource | null> {
      try {
        const source = await findEventSource(pool, endpointId);
        settle(endpointId, entry, source !== null);
        return source;
      } catch (error) {
        if (known.get(endpointId) === entry) known.delete(endpointId);
        if (unknown.get(endpointId) === entry) unknown.delete(endpointId);
        throw unavailable(error);
      }
    }
  }

  /** Puts what was looked up where it belongs, unless it has been looked up again since. */
  function settle(endpointId: string, entry: Entry, isSource: boolean): void {
    const current = entryOf(endpointId);
    if (current !== undefined && current.at > entry.at) return;
    known.delete(endpointId);
    unknown.delete(endpointId);
    if (isSource) setBounded(known, endpointId, entry, KNOWN_MAX);
    else setBounded(unknown, endpointId, entry, UNKNOWN_MAX);
  }

  async function find(endpointId: string, ageMsMax: number): Promise<EventSource | null> {
    const entry = entryOf(endpointId);
    return entry !== undefined && now() - entry.at < ageMsMax ? entry.source : lookUp(endpointId);
  }

  async function lookUpAgain(endpointId: string, lastAt: number): Promise<EventSource | null> {
    await sleep(Math.min(AGAIN_EVERY_MS, Math.max(0, lastAt + AGAIN_EVERY_MS - now())));
    // Who comes from now on may know of something newer.
    agains.delete(endpointId);
    return lookUp(endpointId);
  }

  return {
    find: (endpointId) => find(endpointId, TTL_MS),
    findAnew: (endpointId) => find(endpointId, ANEW_MS),
    async findSince(endpointId, since) {
      const entry = entryOf(endpointId);
      if (entry !== undefined && entry.at >= since) return entry.source;
      const again = agains.get(endpointId) ?? lookUpAgain(endpointId, entry?.at ?? 0);
      agains.set(endpointId, again);
      return again;
    },
  };
}

/** The source; one that is unknown or switched off is looked up again, for that may just have changed. */
export async function findActive(sources: Sources, endpointId: string): Promise<EventSource | null> {
  const source = await sources.find(endpointId);
  return source?.status === "active" ? source : sources.findAnew(endpointId);
}
