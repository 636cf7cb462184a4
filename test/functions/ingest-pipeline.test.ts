import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createPipeline } from "../../functions/ingest/pipeline.ts";
import { createStore } from "../../functions/ingest/store-executions.ts";
import { insertExecutions } from "../../shared/postgres/command-executions.ts";
import { createPool, type Pool, type Sql } from "../../shared/postgres/pool.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { makeRow } from "../helpers/make-row.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

let databases: TestDatabases;
let pool: Pool;

beforeAll(async () => {
  databases = await createDatabases();
});
afterAll(async () => {
  await databases?.close();
});
beforeEach(() => {
  pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 2,
    applicationName: "test",
    pipelines: true,
    connectionTimeoutMs: 500,
    log: () => undefined,
  });
});
afterEach(async () => {
  await pool?.end();
});

/** The process of the server that answers, after a while. */
async function backend(sql: Sql, seconds = 0): Promise<number | undefined> {
  const { rows } = await sql.query<{ pid: number }>(
    `select pg_backend_pid() as pid from pg_sleep(${seconds})`,
  );
  return rows[0]?.pid;
}

it("sends statements one behind the other on one connection, and gives it back when it is idle", async () => {
  const pipeline = createPipeline(pool);
  let sent = 0;
  let sentAtFirstAnswer = 0;
  const pids = await Promise.all(
    [0.1, 0, 0].map((seconds) =>
      pipeline(async (sql) => {
        const answer = backend(sql, seconds);
        sent += 1;
        const pid = await answer;
        sentAtFirstAnswer ||= sent;
        return pid;
      }),
    ),
  );
  expect(new Set(pids).size).toBe(1);
  expect(sentAtFirstAnswer).toBe(3);
  expect({ total: pool.totalCount, idle: pool.idleCount }).toEqual({ total: 1, idle: 1 });
});

it("lets a refused statement fail alone, and keeps the connection", async () => {
  const pipeline = createPipeline(pool);
  const [before, refused, after] = await Promise.allSettled([
    pipeline((sql) => backend(sql)),
    pipeline((sql) => sql.query("select 1 / 0")),
    pipeline((sql) => backend(sql)),
  ]);
  expect(refused).toMatchObject({ status: "rejected", reason: { code: "22012" } });
  expect(after).toEqual(before);
  expect(before).toEqual({ status: "fulfilled", value: await pipeline((sql) => backend(sql)) });
});

it("fails what is on its way when the connection breaks, and goes on with another", async () => {
  const pipeline = createPipeline(pool);
  const pid = await pipeline((sql) => backend(sql));
  const onTheirWay = [10, 0].map((seconds) => pipeline((sql) => backend(sql, seconds)));
  const ended = Promise.allSettled(onTheirWay);
  await asOwner(databases.adminDatabaseUrl, (owner) =>
    owner.query(`select pg_terminate_backend(${String(pid)})`),
  );
  expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await pipeline((sql) => backend(sql))).not.toBe(pid);
});

it("tells everybody that no connection could be had, and tries again for the next", async () => {
  const pipeline = createPipeline(pool);
  const [one, two] = await Promise.all([pool.connect(), pool.connect()]);
  const waiting = Promise.allSettled([pipeline((sql) => backend(sql)), pipeline((sql) => backend(sql))]);
  const outcomes = await waiting;
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  one.release();
  two.release();
  expect(await pipeline((sql) => backend(sql))).toBeTypeOf("number");
});

it("gives the connection back in time, though somebody is always using it", async () => {
  const pipeline = createPipeline(pool);
  let released = 0;
  pool.on("release", () => (released += 1));
  let leave: (() => void) | undefined;
  let last: Promise<unknown> | undefined;
  for (let joined = 0; joined < 2_500; joined += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const user = pipeline(() => promise);
    leave?.();
    await last;
    leave = resolve;
    last = user;
  }
  expect(released).toBe(2);
  leave?.();
  await last;
});

it("puts nobody behind a statement that does not end", async () => {
  let nowMs = 0;
  const pipeline = createPipeline(pool, () => nowMs);
  const stuck = pipeline((sql) => backend(sql, 0.3));
  const behind = pipeline((sql) => backend(sql));
  nowMs += 1_001;
  const beside = pipeline((sql) => backend(sql));
  expect(await beside).not.toBe(await stuck);
  expect(await behind).toBe(await stuck);
});

it("lets the pool end when what is on its way has its answer", async () => {
  const own = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 1,
    applicationName: "test",
    pipelines: true,
    log: () => undefined,
  });
  const pipeline = createPipeline(own);
  const sent = Promise.withResolvers<void>();
  const onItsWay = pipeline((sql) => {
    const answer = backend(sql, 0.1);
    sent.resolve();
    return answer;
  });
  await sent.promise;
  await Promise.all([own.end(), expect(onItsWay).resolves.toBeTypeOf("number")]);
  await expect(pipeline((sql) => backend(sql))).rejects.toThrow("after calling end");
});

it("leaves no organization to the statement behind", async () => {
  const [ours, theirs] = await Promise.all([
    createTenant(databases.adminDatabaseUrl),
    createTenant(databases.adminDatabaseUrl),
  ]);
  const pipeline = createPipeline(pool);
  const row = makeRow({});
  await asOwner(databases.adminDatabaseUrl, (owner) =>
    owner.query("select ensure_command_executions_partition(to_timestamp($1::double precision / 1000))", [
      row.timestamp,
    ]),
  );
  const [first, between, second] = await Promise.all([
    pipeline((sql) => insertExecutions(sql, ours.organizationId, [row])),
    pipeline((sql) => sql.query("select from command_executions")),
    pipeline((sql) => insertExecutions(sql, theirs.organizationId, [row])),
  ]);
  expect([first, between.rows.length, second]).toEqual([[], 0, []]);
  const stored = await asOwner(databases.adminDatabaseUrl, (owner) =>
    owner.query("select organization_id from command_executions where id = $1 order by 1", [row.id]),
  );
  expect(stored.rows.map(({ organization_id: id }) => id)).toEqual(
    [ours.organizationId, theirs.organizationId].toSorted(),
  );
});

it("is what small batches share, beside which a large one has a connection of its own", async () => {
  const { organizationId } = await createTenant(databases.adminDatabaseUrl);
  const store = createStore(pool);
  const write = (rows: number): Promise<unknown[]> =>
    store(
      organizationId,
      Array.from({ length: rows }, () => makeRow({})),
    );
  await write(1);
  await Promise.all([write(2), write(3), write(249)]);
  expect(pool.totalCount).toBe(1);
  await Promise.all([write(2), write(250)]);
  expect(pool.totalCount).toBe(2);
});
