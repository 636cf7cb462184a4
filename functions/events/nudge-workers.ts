import { describeError, type Log } from "../../shared/log.ts";
import type { DueRow } from "../../shared/postgres/event-processing.ts";
import { type Nudge, nudgeMessage } from "../../shared/pubsub/nudge.ts";
import type { Publisher } from "../../shared/pubsub/publisher.ts";

export interface Nudger {
  /** Publishes a nudge for each row; rejects when Pub/Sub did not take them all. */
  nudge: (kind: Nudge["kind"], rows: readonly DueRow[]) => Promise<void>;
  /** The same where a failure does no harm, because the sweeper tells of these rows later; it is logged. */
  nudgeIfPossible: (kind: Nudge["kind"], rows: readonly DueRow[]) => Promise<void>;
}

interface NudgerOptions {
  publisher: Publisher;
  topic: string;
  waitMs: number;
  log: Log;
}

/** Tells the workers, this function itself among them, which rows to look at. Call it after the commit that made them due. */
export function createNudger({ publisher, topic, waitMs, log }: NudgerOptions): Nudger {
  async function nudge(kind: Nudge["kind"], rows: readonly DueRow[]): Promise<void> {
    if (rows.length === 0) return;
    const messages = rows.map((row) => nudgeMessage({ kind, ...row }));
    await publisher.publish(topic, messages, AbortSignal.timeout(waitMs));
  }
  return {
    nudge,
    async nudgeIfPossible(kind, rows) {
      try {
        await nudge(kind, rows);
      } catch (error) {
        log("WARNING", "nobody could be told of new work; the sweeper will", {
          kind,
          rows: rows.length,
          ...describeError(error),
        });
      }
    },
  };
}
