import { DatabaseError } from "pg";
import { ensureEventPartition } from "../../shared/postgres/event-partitions.ts";
import type { Pool } from "../../shared/postgres/pool.ts";

export interface EventPartitions {
  /**
   * Writes rows of these moments (milliseconds since 1970), for which there are partitions then. `write` is called again
   * when one was gone after all; it has had no effect by then. Throws NT001 for a month that has been archived.
   */
  write: <T>(moments: Moments, write: () => Promise<T>) => Promise<T>;
}

interface Moments {
  receivedAt?: readonly number[];
  startedAt: readonly number[];
}

const BY_RECEIVED_AT = [
  "github_events",
  "slack_events",
  "linear_events",
  "deployment_events",
  "event_deliveries",
] as const;
const BY_STARTED_AT = ["event_processing_logs"] as const;
const MONTHS_MAX = 1_000;

/** Asks for each table and month once in the life of the instance, or until one of them turns out to be gone. */
export function createEventPartitions(pool: Pool): EventPartitions {
  const ensured = new Set<string>();

  async function ensureMonths(tables: readonly string[], moments: readonly number[]): Promise<void> {
    const months = new Map(moments.map((moment) => [monthOf(moment), moment]));
    for (const [month, moment] of months) {
      for (const table of tables) {
        const key = `${table} ${month}`;
        if (ensured.has(key)) continue;
        await ensureEventPartition(pool, table, moment);
        if (ensured.size >= MONTHS_MAX) ensured.clear();
        ensured.add(key);
      }
    }
  }

  async function ensure({ receivedAt = [], startedAt }: Moments): Promise<void> {
    await ensureMonths(BY_RECEIVED_AT, receivedAt);
    await ensureMonths(BY_STARTED_AT, startedAt);
  }

  return {
    async write(moments, write) {
      await ensure(moments);
      try {
        return await write();
      } catch (error) {
        if (!isMissingPartition(error)) throw error;
        ensured.clear();
        await ensure(moments);
        return write();
      }
    },
  };
}

/** A check violation that no constraint is named in: the table has no partition for a row. */
function isMissingPartition(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === "23514" && error.constraint === undefined;
}

/** A number for each month, in UTC. */
function monthOf(moment: number): number {
  const date = new Date(moment);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
