import { AppError } from "../../shared/errors.ts";
import { type DueRow, takeDueDeliveries, takeDueEvents } from "../../shared/postgres/event-processing.ts";
import { asUnavailable, type Pool, withSystemRole } from "../../shared/postgres/pool.ts";
import type { Nudge } from "../../shared/pubsub/nudge.ts";
import { PublishError } from "../../shared/pubsub/publisher.ts";
import type { Nudger } from "./nudge-workers.ts";

interface Swept {
  nudged_events: number;
  nudged_deliveries: number;
  rounds: number;
  /** False when the time was over before everything due was told of. */
  is_done: boolean;
}

export interface Sweeper {
  /**
   * Tells the workers of everything that is due, of every organization. What one sweep takes is not due again for five
   * minutes, so two at once tell of each row once, and what cannot be published is told of then. Throws 503.
   */
  sweep: () => Promise<Swept>;
}

interface SweeperOptions {
  pool: Pool;
  nudger: Nudger;
  now: () => number;
}

const ROWS_MAX = 100;
const ROUNDS_MAX = 5_000;
/** The scheduler calls every minute. */
const DEADLINE_MS = 50_000;

export function createSweeper({ pool, nudger, now }: SweeperOptions): Sweeper {
  async function tell(kind: Nudge["kind"], take: typeof takeDueEvents): Promise<number> {
    const rows: DueRow[] = await withSystemRole(pool, (sql) => take(sql, ROWS_MAX));
    await nudger.nudge(kind, rows);
    return rows.length;
  }

  async function sweep(): Promise<Swept> {
    const until = now() + DEADLINE_MS;
    const swept: Swept = { nudged_events: 0, nudged_deliveries: 0, rounds: 0, is_done: false };
    while (!swept.is_done && swept.rounds < ROUNDS_MAX && now() < until) {
      const events = await tell("event", takeDueEvents);
      const deliveries = await tell("delivery", takeDueDeliveries);
      swept.nudged_events += events;
      swept.nudged_deliveries += deliveries;
      swept.rounds += 1;
      swept.is_done = events + deliveries === 0;
    }
    return swept;
  }

  return {
    async sweep() {
      try {
        return await sweep();
      } catch (cause) {
        if (!(cause instanceof PublishError)) throw asUnavailable(cause);
        throw new AppError("unavailable", "the workers cannot be told of what is due", {
          cause,
          retryAfterSeconds: 30,
        });
      }
    },
  };
}
