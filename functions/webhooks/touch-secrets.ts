import { setBounded } from "../../shared/bounded-map.ts";
import { describeError, type Log } from "../../shared/log.ts";
import { touchSourceSecrets } from "../../shared/postgres/event-sources.ts";
import { type Pool, withOrganization } from "../../shared/postgres/pool.ts";

/** Notes which secrets signatures are made with; nothing waits for it. */
export interface SecretTouches {
  touch: (organizationId: string, secretId: string) => void;
  close: () => Promise<void>;
}

const EVERY_MS = 60_000;
const KNOWN_MAX = 10_000;

/** Each secret at most once a minute: its time is for people who want to retire one. */
export function createSecretTouches({
  pool,
  log,
  now,
}: {
  pool: Pool;
  log: Log;
  now: () => number;
}): SecretTouches {
  const touched = new Map<string, number>();
  const underWay = new Set<Promise<void>>();

  async function write(organizationId: string, secretId: string): Promise<void> {
    try {
      await withOrganization(pool, organizationId, async (sql) => {
        await sql.query("set local lock_timeout = '1s'");
        await touchSourceSecrets(sql, [secretId]);
      });
    } catch (error) {
      touched.delete(secretId);
      log("WARNING", "the last use of a secret was not written", describeError(error));
    }
  }

  return {
    touch(organizationId, secretId) {
      const at = touched.get(secretId);
      if (at !== undefined && now() - at < EVERY_MS) return;
      setBounded(touched, secretId, now(), KNOWN_MAX);
      const done = write(organizationId, secretId);
      underWay.add(done);
      void done.finally(() => underWay.delete(done));
    },
    async close() {
      await Promise.all(underWay);
    },
  };
}
