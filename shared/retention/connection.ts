import { setTimeout as delay } from "node:timers/promises";
import type { ClickHouse } from "../clickhouse/client.ts";
import type { Log } from "../log.ts";
import { oneTransaction, type Pool, type Sql } from "../postgres/pool.ts";
import { tryLockRetention, unlockRetention } from "../postgres/retention-runs.ts";
import type { ArchiveStore } from "./archive-store.ts";

/** What runs, restores and erasures need. */
export interface RetentionTools {
  pool: Pool;
  /** The function takes the rights of the system jobs; the owner of the database has them anyway. */
  asSystem: boolean;
  clickhouse: ClickHouse;
  /** Null where archived months stay in the archive's tables. */
  store: ArchiveStore | null;
  log: Log;
  clock: () => number;
  /** Told before each step; throwing ends the work there. */
  onStep?: (step: string) => void | Promise<void>;
}

/** One connection for the whole work, which holds its lock. */
export interface RetentionConnection extends AsyncDisposable {
  /** A short transaction. */
  run: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
}

const LOCK_POLL_MS = 250;

/** Null when another run, restore or erasure is at work and stays so for `waitMs`. */
export async function connectForRetention(
  { pool, asSystem }: Pick<RetentionTools, "pool" | "asSystem">,
  waitMs: number,
): Promise<RetentionConnection | null> {
  const client = await pool.connect();
  let broken = false;
  const begin = `begin; set local timezone = 'UTC'; set local datestyle = 'ISO'${asSystem ? "; set local role netra_system" : ""}`;
  const run: RetentionConnection["run"] = async (work) => {
    try {
      return await oneTransaction(client, begin, work);
    } catch (error) {
      await client.query("rollback").catch(() => {
        broken = true;
      });
      throw error;
    }
  };
  try {
    for (let waited = 0; !(await run(tryLockRetention)); waited += LOCK_POLL_MS) {
      if (waited >= waitMs) {
        client.release();
        return null;
      }
      await delay(LOCK_POLL_MS);
    }
  } catch (error) {
    client.release(true);
    throw error;
  }
  return {
    run,
    [Symbol.asyncDispose]: async () => {
      // Closing the connection gives the lock free as well.
      await unlockRetention(client).catch(() => {
        broken = true;
      });
      client.release(broken);
    },
  };
}
