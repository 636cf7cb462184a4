import { randomUUID } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createPool, isPassing, type Pool } from "../../../shared/postgres/pool.ts";
import { type OwnPostgres, startOwnPostgres } from "../../helpers/embedded-servers.ts";
import { startIngest } from "../../helpers/ingest.ts";
import { makeExecution } from "../../helpers/make-execution.ts";
import { findFreePort } from "../../helpers/ports.ts";
import { asOwner } from "../../helpers/tenant.ts";

const AWAY = {
  code: "unavailable",
  message: "the database cannot be reached right now; send the same again",
};

let postgres: OwnPostgres;
let pools: Pool[];
let logged: string[];

beforeAll(async () => {
  postgres = await startOwnPostgres();
});
afterAll(() => postgres?.close());
beforeEach(() => {
  pools = [];
  logged = [];
});
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
});

function open(
  databaseUrl: string,
  settings: { connectionsMax?: number; connectionTimeoutMs?: number; triesOnce?: boolean } = {},
): Pool {
  const pool = createPool({
    databaseUrl,
    connectionsMax: 4,
    applicationName: "test",
    log: (_severity, message) => logged.push(message),
    ...settings,
  });
  pools.push(pool);
  return pool;
}

async function failuresOf(pool: Pool, times: number): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (let time = 0; time < times; time += 1) {
    failures.push(await pool.query("select 1").catch((error: unknown) => error));
  }
  return failures;
}

describe("getting a connection", () => {
  it("is tried again while the server has no room, and nothing is sent twice", async () => {
    const login = `crowded_${randomUUID().slice(0, 8)}`;
    await asOwner(postgres.adminDatabaseUrl, (sql) =>
      sql.query(`create role ${login} login password 'x' connection limit 1`),
    );
    const url = new URL(postgres.adminDatabaseUrl);
    url.username = login;
    url.password = "x";
    const first = open(url.href);
    const holding = await first.connect();
    const asked = open(url.href, { connectionTimeoutMs: 20_000 }).query("select 1 as one");
    // Refused meanwhile, once at least.
    const refused = open(url.href, { triesOnce: true });
    await expect(refused.query("select 1")).rejects.toMatchObject({ code: "53300" });
    holding.release(true);
    expect((await asked).rows).toEqual([{ one: 1 }]);
  });

  it("is not tried again with a wrong password", async () => {
    const url = new URL(postgres.databaseUrl);
    url.password = "wrong";
    const pool = open(url.href);
    expect(await failuresOf(pool, 5)).toEqual(
      Array.from({ length: 5 }, () => expect.objectContaining({ code: "28P01" })),
    );
    expect(logged).toEqual([]);
  });

  it("lets who waits for others of the pool wait, and blames nobody but them", async () => {
    const pool = open(postgres.databaseUrl, { connectionsMax: 1, connectionTimeoutMs: 100 });
    const client = await pool.connect();
    const failures = await failuresOf(pool, 5);
    expect(failures.map((error) => isPassing(error))).toEqual([true, true, true, true, true]);
    expect(failures).not.toContainEqual(expect.objectContaining(AWAY));
    client.release();
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    expect(logged).toEqual([]);
  });
});

describe("a database that is away", () => {
  let silent: Server;
  let sockets: Socket[];
  let port: number;
  beforeEach(async () => {
    sockets = [];
    // Takes connections and never says a word.
    silent = createServer((socket) => sockets.push(socket));
    port = await findFreePort();
    await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => silent.close(() => resolve()));
  });

  it("is not waited for by everybody: after three failures callers are refused, while one at a time looks", async () => {
    const pool = open(`postgres://u:p@127.0.0.1:${port}/none`, { connectionTimeoutMs: 100 });
    expect(await failuresOf(pool, 3)).not.toContainEqual(expect.objectContaining(AWAY));
    const before = sockets.length;
    const failures = await Promise.all(Array.from({ length: 50 }, () => failuresOf(pool, 1)));
    expect(failures.flat()).toEqual(failures.map(() => expect.objectContaining(AWAY)));
    expect(sockets).toHaveLength(before);
    expect(failures.flat()[0]).toMatchObject({ options: { retryAfterSeconds: 2 } });
    expect(isPassing(failures.flat()[0])).toBe(true);
    expect(logged).toEqual(["the database takes no connections, so who needs one is refused at once"]);

    // Its time is over once one gets through to be refused for itself; the others are still refused at once.
    await expect
      .poll(
        async () => {
          const round = await Promise.all(Array.from({ length: 10 }, () => failuresOf(pool, 1)));
          return round.flat().filter((error) => (error as { code?: string }).code !== AWAY.code).length;
        },
        { interval: 50, timeout: 5_000 },
      )
      .toBe(1);
    expect(sockets).toHaveLength(before + 1);
    expect(logged).toHaveLength(1);
  });

  it("is not waited for either by those who come while all its connections are being tried", async () => {
    const url = `postgres://u:p@127.0.0.1:${port}/none`;
    const pool = open(url, { connectionsMax: 2, connectionTimeoutMs: 200 });
    const ask = async (): Promise<unknown[]> =>
      (await Promise.all(Array.from({ length: 20 }, () => failuresOf(pool, 1)))).flat();
    await ask();
    const failures = await ask();
    // One may look again by then.
    const refused = failures.filter((error) => (error as { code?: string }).code === AWAY.code);
    expect(refused.length).toBeGreaterThanOrEqual(failures.length - 1);
  });

  it("is tried each time by who watches it", async () => {
    const pool = open(`postgres://u:p@127.0.0.1:${port}/none`, { connectionTimeoutMs: 50, triesOnce: true });
    expect(await failuresOf(pool, 5)).not.toContainEqual(expect.objectContaining(AWAY));
    expect(sockets).toHaveLength(5);
  });
});

it("refuses with 503 and Retry-After while the database is stopped, and takes everything once it runs again", async () => {
  const ingest = await startIngest({
    databases: { ...postgres, clickhouseUrl: "http://netra:wrong@127.0.0.1:9/netra_analytics" },
  });
  try {
    const first = makeExecution();
    expect((await ingest.post(first)).status).toBe(200);
    await postgres.stop();
    const during = [];
    for (let at = 0; at < 6; at += 1) during.push(await ingest.post(makeExecution()));
    expect(during.map(({ status }) => status)).toEqual(during.map(() => 503));
    for (const { headers } of during) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    await postgres.start();
    const second = makeExecution();
    await expect.poll(async () => (await ingest.post(second)).status, { timeout: 10_000 }).toBe(200);
    const told = (text: string): number => ingest.logLines.filter((line) => line.includes(text)).length;
    expect(told("the database takes no connections")).toBe(1);
    expect(told("the database takes connections again")).toBe(1);
    const stored = await asOwner(postgres.adminDatabaseUrl, (sql) =>
      sql.query("select id from command_executions where id = any($1)", [[first.id, second.id]]),
    );
    expect(stored.rows).toHaveLength(2);
  } finally {
    await ingest.close();
  }
});
