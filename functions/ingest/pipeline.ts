import type { PoolClient } from "pg";
import type { Pool, Sql } from "../../shared/postgres/pool.ts";
import { asError, isRefusal } from "../../shared/postgres/steady-pool.ts";

/** Runs work that sends one statement, which is a transaction of its own, on the connection all such work shares. */
export type Pipeline = <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;

interface Lease {
  client: Promise<PoolClient>;
  users: number;
  usersLeft: number;
  /** When it was made or last gave an answer. */
  movedAt: number;
  broken: Error | undefined;
}

/** After so many statements the connection goes back to the pool, which replaces it when its time has come. */
const STATEMENTS_MAX = 1_000;
/** After so long without an answer, nobody else is put behind a statement that may be waiting for a lock. */
const STUCK_MS = 1_000;

/**
 * One connection of a pipelining pool for statements that are sent one behind the other without waiting for answers. The
 * server then always has the next statement at hand, and one process of its with warm caches does what several would
 * take turns at. It is the pool's again whenever nobody uses it. When it breaks, all that was on its way fails.
 */
export function createPipeline(pool: Pool, now = (): number => performance.now()): Pipeline {
  let current: Lease | null = null;

  function join(): Lease {
    if (current !== null && now() - current.movedAt > STUCK_MS) close(current);
    const lease = (current ??= {
      client: pool.connect(),
      users: 0,
      usersLeft: STATEMENTS_MAX,
      movedAt: now(),
      broken: undefined,
    });
    lease.users += 1;
    lease.usersLeft -= 1;
    if (lease.usersLeft === 0) close(lease);
    return lease;
  }

  /** Nobody joins any more. */
  function close(lease: Lease): void {
    if (current === lease) current = null;
  }

  return async (work) => {
    const lease = join();
    let client: PoolClient | undefined;
    try {
      client = await lease.client;
      return await work(client);
    } catch (error) {
      if (!isRefusal(error)) {
        lease.broken = asError(error);
        close(lease);
      }
      throw error;
    } finally {
      lease.users -= 1;
      lease.movedAt = now();
      if (lease.users === 0) {
        close(lease);
        client?.release(lease.broken);
      }
    }
  };
}
