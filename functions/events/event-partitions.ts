import { ensureEventPartition } from "../../shared/postgres/event-partitions.ts";
import type { Pool } from "../../shared/postgres/pool.ts";

export interface EventPartitions {
  /** Makes sure that rows of these moments (milliseconds since 1970) can be stored. */
  ensure: (receivedAt: readonly number[], startedAt: readonly number[]) => Promise<void>;
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

/** Asks for each table and month once in the life of the instance. */
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

  return {
    async ensure(receivedAt, startedAt) {
      await ensureMonths(BY_RECEIVED_AT, receivedAt);
      await ensureMonths(BY_STARTED_AT, startedAt);
    },
  };
}

/** A number for each month, in UTC. */
function monthOf(moment: number): number {
  const date = new Date(moment);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
