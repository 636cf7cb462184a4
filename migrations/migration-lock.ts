import { setTimeout as sleep } from "node:timers/promises";
import type { ClientBase } from "pg";
import { MigrationError } from "./migration-error.ts";

export interface MigrationLock extends AsyncDisposable {
  /** Throws MigrationError when the connection that holds the lock is gone, and the lock with it. */
  assertHeld(): void;
}

/**
 * Takes the session-level advisory lock `name` of this database, waiting at most `waitMs`. It asks again and again
 * instead of waiting inside one statement, whose snapshot would deadlock with the holder's `create index concurrently`.
 * The connection has to go to the server itself or through a pooler in session mode.
 */
export async function takeMigrationLock(
  client: ClientBase,
  name: string,
  waitMs: number,
): Promise<MigrationLock> {
  let lost: unknown;
  client.on("error", (error) => {
    lost = error;
  });
  const deadline = Date.now() + waitMs;
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>(
      "select pg_try_advisory_lock(hashtextextended($1, 0)) as taken",
      [name],
    );
    if (rows[0]?.taken === true) break;
    if (Date.now() >= deadline) {
      throw new MigrationError(
        `Another migration run has held the lock for over ${Math.round(waitMs / 1000)} s. Wait for it to end, then try again; \`select pid from pg_locks where locktype = 'advisory'\` shows who holds it.`,
      );
    }
    await sleep(50 + Math.random() * 150);
  }
  return {
    assertHeld() {
      if (lost !== undefined) {
        throw new MigrationError(
          "The connection that held the migration lock was lost, so the run stopped. Run the same command again.",
          { cause: lost },
        );
      }
    },
    async [Symbol.asyncDispose]() {
      if (lost === undefined)
        await client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [name]);
    },
  };
}
