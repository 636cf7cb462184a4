import { setBounded } from "../../shared/bounded-map.ts";
import { type EventSource, findEventSource } from "../../shared/postgres/event-sources.ts";
import type { Pool } from "../../shared/postgres/pool.ts";
import { unavailable } from "./refusals.ts";

/** The sources behind addresses, each looked up once in a while, those that do not exist included; 503 without the database. */
export interface Sources {
  find: (endpointId: string) => Promise<EventSource | null>;
  /** The same as it is now or was a second ago: for what may be wrong only because a source has just been changed. */
  findAnew: (endpointId: string) => Promise<EventSource | null>;
}

const TTL_MS = 5_000;
const ANEW_MS = 1_000;
const ENTRIES_MAX = 10_000;

export function createSources({ pool, now }: { pool: Pool; now: () => number }): Sources {
  const entries = new Map<string, { source: Promise<EventSource | null>; at: number }>();

  function find(endpointId: string, ageMsMax: number): Promise<EventSource | null> {
    const known = entries.get(endpointId);
    if (known !== undefined && now() - known.at < ageMsMax) return known.source;
    const entry = { source: lookUp(), at: now() };
    setBounded(entries, endpointId, entry, ENTRIES_MAX);

    async function lookUp(): Promise<EventSource | null> {
      try {
        return await findEventSource(pool, endpointId);
      } catch (error) {
        if (entries.get(endpointId) === entry) entries.delete(endpointId);
        throw unavailable(error);
      }
    }
    return entry.source;
  }

  return {
    find: (endpointId) => find(endpointId, TTL_MS),
    findAnew: (endpointId) => find(endpointId, ANEW_MS),
  };
}
