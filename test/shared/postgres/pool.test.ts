import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createPool,
  isPassing,
  type Pool,
  type Sql,
  withOrganization,
  withSystemRole,
} from "../../../shared/postgres/pool.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { asOwner } from "../../helpers/tenant.ts";

const OURS = "00000000-0000-4000-8000-00000000000a";
const THEIRS = "00000000-0000-4000-8000-00000000000b";

/** Not answered before its time is over. */
const HASTY = { text: "select pg_sleep(10)", query_timeout: 50 };

let databases: TestDatabases;
let pool: Pool;

beforeAll(async () => {
  databases = await createDatabases();
});
afterAll(async () => {
  await databases?.close();
});

interface Standing {
  organization: string;
  hasOwnRole: boolean;
  pid: number;
}

async function stand(sql: Sql): Promise<Standing> {
  const { rows } = await sql.query<Standing>(
    `select coalesce(current_setting('app.organization_id', true), '') as organization, 
       current_user = session_user as "hasOwnRole", pg_backend_pid() as pid`,
  );
  if (rows[0] === undefined) throw new Error("no row");
  return rows[0];
}

const ENDS: Record<string, (sql: Sql) => Promise<unknown>> = {
  "goes well": (sql) => sql.query("select 1"),
  "is refused by the server": (sql) => sql.query("select 1 / 0"),
  "takes too long": (sql) => sql.query("select pg_sleep(10)"),
  "is not answered in time": (sql) => sql.query(HASTY),
  "fails in between": () => Promise.reject(new Error("ours")),
  "gets an answer it cannot read": (sql) => sql.query("select 9223372036854775807::bigint"),
  "loses its connection": async (sql) => {
    const { pid } = await stand(sql);
    await asOwner(databases.adminDatabaseUrl, (owner) => owner.query(`select pg_terminate_backend(${pid})`));
    await sql.query("select 1");
  },
};

describe.each([{ pipelines: false }, { pipelines: true }])(
  "a pool, pipelines: $pipelines,",
  ({ pipelines }) => {
    beforeAll(() => {
      // One connection, so that the next to ask has the one that was used before.
      pool = createPool({
        databaseUrl: databases.databaseUrl,
        connectionsMax: 1,
        applicationName: "test",
        pipelines,
        log: () => undefined,
        statementTimeoutMs: 1_000,
      });
    });
    afterAll(() => pool?.end());

    it.each(Object.entries(ENDS))(
      "leaves no organization and no role to the next when it %s",
      async (_how, work) => {
        for (const transaction of [
          () => withOrganization(pool, OURS, work),
          () => withSystemRole(pool, work),
        ]) {
          await transaction().catch(() => undefined);
          const client = await pool.connect();
          try {
            expect(await stand(client)).toMatchObject({ organization: "", hasOwnRole: true });
            expect(client.getTransactionStatus()).toBe("I");
          } finally {
            client.release();
          }
        }
      },
    );

    it("lets nothing that is left of one transaction run in the next, which may be of another organization", async () => {
      const others = Promise.withResolvers<undefined>();
      let late: Promise<Standing> | undefined;
      const ours = withOrganization(pool, OURS, (sql) => {
        late = others.promise.then(() => stand(sql));
        return Promise.all([sql.query("select 1 / 0"), late]);
      });
      await expect(ours).rejects.toMatchObject({ code: "22012" });
      const theirs = await withOrganization(pool, THEIRS, async (sql) => {
        others.resolve(undefined);
        await expect(late).rejects.toThrow("a statement came after its transaction had ended");
        return stand(sql);
      });
      expect(theirs.organization).toBe(THEIRS);
    });

    it("does not say that a transaction was stored when the server rolled it back", async () => {
      const work = withSystemRole(pool, async (sql) => {
        await sql.query("select 1 / 0").catch(() => undefined);
        return "stored";
      });
      await expect(work).rejects.toThrow("a transaction went on after one of its statements had failed");
    });

    it("leaves a server that takes no writes, because it was replaced, and tells to come again", async () => {
      const before = await stand(pool);
      const failure: unknown = await withOrganization(pool, OURS, async (sql) => {
        await sql.query("set transaction read only");
        await sql.query("create table none (n integer)");
      }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "25006" });
      expect(isPassing(failure)).toBe(true);
      expect((await stand(pool)).pid).not.toBe(before.pid);
    });

    it("keeps a connection whose statement was refused, and no other that failed", async () => {
      const { pid } = await stand(pool);
      await expect(pool.query("select 1 / 0")).rejects.toMatchObject({ code: "22012" });
      await expect(pool.query("select pg_sleep(10)")).rejects.toMatchObject({ code: "57014" });
      expect((await stand(pool)).pid).toBe(pid);

      await expect(pool.query(HASTY)).rejects.toThrow("Query read timeout");
      await pool.query("begin; select 1 / 0").catch(() => undefined);
      await expect(pool.query("select 1")).rejects.toMatchObject({ code: "25P02" });
      const next = await stand(pool);
      expect(next.pid).not.toBe(pid);
      await expect(pool.query(`select pg_terminate_backend(${next.pid})`)).rejects.toMatchObject({
        code: "57P01",
      });
      expect((await stand(pool)).pid).not.toBe(next.pid);
    });
  },
);
