import { DatabaseError, type PoolClient } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../../functions/insights/config.ts";
import { createContext } from "../../../functions/insights/context.ts";
import { createHandler } from "../../../functions/insights/handler.ts";
import { createPool, type Pool, type Sql } from "../../../shared/postgres/pool.ts";
import { createReader, type Reader } from "../../../shared/postgres/replicas.ts";
import { getSnapshotName } from "../../../shared/postgres/summary.ts";
import { type OwnPostgres, startOwnPostgres } from "../../helpers/embedded-servers.ts";
import { type Ingest, startIngest } from "../../helpers/ingest.ts";
import { makeExecution } from "../../helpers/make-execution.ts";
import { type OwnReplica, startOwnReplica } from "../../helpers/own-replica.ts";
import { serveFunction } from "../../helpers/serve-function.ts";
import { asOwner } from "../../helpers/tenant.ts";

const AWAY = "http://netra:wrong@127.0.0.1:9/netra_analytics";

let postgres: OwnPostgres;
let replica: OwnReplica;
let ingest: Ingest;
let logged: { severity: string; message: string; reason: unknown }[];
let clock: { now: number };
let closing: (() => Promise<void>)[];

/** The address of a server for the functions' login. */
const forService = (url: string): string => url.replace("netra_owner", "netra_service");
const onReplica = (text: string): Promise<unknown> => asOwner(replica.url, (sql) => sql.query(text));

beforeAll(async () => {
  postgres = await startOwnPostgres();
  await asOwner(postgres.adminDatabaseUrl, async (sql) => {
    // As in production; the servers of tests do not wait for the disk.
    await sql.query("alter database postgres set synchronous_commit = on");
    await sql.query("create table written (n integer primary key)");
    await sql.query("grant select on written to netra_app");
  });
  replica = await startOwnReplica(postgres.adminDatabaseUrl);
  ingest = await startIngest({ databases: { ...postgres, clickhouseUrl: AWAY } });
});
afterAll(async () => {
  await ingest?.close();
  await replica?.close();
  await postgres?.close();
});

beforeEach(() => {
  logged = [];
  clock = { now: 1_000 };
  closing = [];
});
afterEach(async () => {
  for (const close of closing) await close();
});

function openPool(databaseUrl: string, settings: { connectionsMax?: number } = {}): Pool {
  const pool = createPool({
    databaseUrl,
    connectionsMax: 4,
    applicationName: "test",
    log: () => undefined,
    statementTimeoutMs: 1_000,
    ...settings,
  });
  closing.push(() => pool.end());
  return pool;
}

function startReader(replicaUrls: readonly string[], lagMsMax = 2_000): Reader {
  return createReader({
    primary: openPool(postgres.databaseUrl),
    replicas: replicaUrls.map((url, index) => ({ name: `replica-${index}`, pool: openPool(url) })),
    lagMsMax,
    log: (severity, message, fields) =>
      logged.push({ severity, message, reason: (fields as { reason?: unknown } | undefined)?.reason }),
    now: () => clock.now,
  });
}

const WHERE = "select case when pg_is_in_recovery() then 'replica' else 'primary' end as server";

interface Seen {
  server: string;
  rows: number;
}

async function look(sql: Sql): Promise<Seen> {
  const { rows } = await sql.query<Seen>(`${WHERE}, (select count(*) from written) as rows`);
  if (rows[0] === undefined) throw new Error("no row");
  return rows[0];
}

const read = (reader: Reader): Promise<Seen> => reader.read(ingest.tenant.organizationId, look);

/** A place in a server's log, in bytes. */
async function placeOf(url: string, place: string): Promise<bigint> {
  const text = `select (${place} - '0/0')::text as bytes`;
  const { rows } = await asOwner(url, (sql) => sql.query<{ bytes: string }>(text));
  return BigInt(rows[0]?.bytes ?? 0);
}

/** The number of the next transaction that writes. */
async function nextOf(url: string): Promise<bigint> {
  const text = "select pg_snapshot_xmax(pg_current_snapshot())::text as next";
  const { rows } = await asOwner(url, (sql) => sql.query<{ next: string }>(text));
  return BigInt(rows[0]?.next ?? 0);
}

let written = 0;
async function write(): Promise<number> {
  written += 1;
  await asOwner(postgres.adminDatabaseUrl, (sql) =>
    sql.query({ text: "insert into written values ($1)", values: [written] }),
  );
  return written;
}

describe("reads with a replica", () => {
  it("go there and show everything that was committed before", async () => {
    const reader = startReader([forService(replica.url)]);
    for (let round = 0; round < 30; round += 1) {
      const rows = await write();
      expect(await read(reader)).toEqual({ server: "replica", rows });
    }
    expect(logged).toEqual([]);
  });

  it("are shared between two, past one that has no connection left", async () => {
    const primary = openPool(postgres.databaseUrl);
    const pools = [1, 2].map(() => openPool(forService(replica.url), { connectionsMax: 1 }));
    const reader = createReader({
      primary,
      replicas: pools.map((pool, index) => ({ name: `${index}`, pool })),
      lagMsMax: 2_000,
      log: () => undefined,
      now: () => clock.now,
    });
    await Promise.all([read(reader), read(reader)]);
    expect(pools.map((pool) => pool.totalCount)).toEqual([1, 1]);
    const clients = await Promise.all(pools.map((pool) => pool.connect()));
    expect((await read(reader)).server).toBe("primary");
    clients[1]?.release();
    expect((await read(reader)).server).toBe("replica");
    clients[0]?.release();
  });

  it("are no more at once than it has connections, and nobody waits for those", async () => {
    const reader = createReader({
      primary: openPool(postgres.databaseUrl),
      replicas: [{ name: "r", pool: openPool(forService(replica.url), { connectionsMax: 1 }) }],
      lagMsMax: 2_000,
      log: (severity, message) => logged.push({ severity, message, reason: undefined }),
      now: () => clock.now,
    });
    // None ends before all have begun.
    let begun = 0;
    const servers = await Promise.all(
      [1, 2, 3, 4].map(() =>
        reader.read(ingest.tenant.organizationId, async (sql) => {
          const { server } = await look(sql);
          begun += 1;
          await expect.poll(() => begun, { timeout: 4_000 }).toBe(4);
          return server;
        }),
      ),
    );
    expect(servers.filter((server) => server === "replica")).toHaveLength(1);
    expect(logged).toEqual([]);
  });

  it("go to the primary while it lags, say so once, and come back after a rest", async () => {
    const reader = startReader([forService(replica.url)], 50);
    await onReplica("select pg_wal_replay_pause()");
    for (let round = 0; round < 3; round += 1) {
      const rows = await write();
      expect(await read(reader)).toEqual({ server: "primary", rows });
    }
    const said = { severity: "WARNING", message: "a replica cannot serve, so the primary is read" };
    expect(logged).toEqual([{ ...said, reason: "behind" }]);

    // One tries after the rest, finds it still behind, and says nothing again.
    clock.now += 5_000;
    expect(await read(reader)).toEqual({ server: "primary", rows: written });
    expect(logged).toHaveLength(1);

    await onReplica("select pg_wal_replay_resume()");
    expect((await read(reader)).server).toBe("primary");
    clock.now += 5_000;
    await expect
      .poll(async () => {
        clock.now += 5_000;
        return read(reader);
      })
      .toEqual({ server: "replica", rows: written });
    expect(logged.slice(1)).toEqual([
      { severity: "INFO", message: "a replica serves again", reason: undefined },
    ]);
  });

  it("wait for a replica that is nearly there", async () => {
    const reader = startReader([forService(replica.url)], 10_000);
    await onReplica("select pg_wal_replay_pause()");
    const rows = await write();
    const asked = read(reader);
    await onReplica("select pg_wal_replay_resume()");
    expect(await asked).toEqual({ server: "replica", rows });
  });

  it("go to the primary when the replica breaks half-way, but not when a read takes too long", async () => {
    const reader = startReader([forService(replica.url)]);
    const { organizationId } = ingest.tenant;
    let tries = 0;
    const answer = await reader.read(organizationId, async (sql) => {
      tries += 1;
      const { rows } = await sql.query<{ pid: number; server: string }>(`${WHERE}, pg_backend_pid() as pid`);
      if (rows[0]?.server === "replica") await onReplica(`select pg_terminate_backend(${rows[0].pid})`);
      return look(sql);
    });
    expect([answer, tries]).toEqual([{ server: "primary", rows: written }, 2]);
    expect(logged.map(({ reason }) => reason)).toEqual(["failed half-way"]);

    const slow = startReader([forService(replica.url)]);
    tries = 0;
    const failed = slow.read(organizationId, async (sql) => {
      tries += 1;
      await sql.query("select pg_sleep(10)");
    });
    await expect(failed).rejects.toSatisfy(
      (error) => error instanceof DatabaseError && error.code === "57014",
    );
    expect(tries).toBe(1);
  });

  it("go to the primary, without a rest, when the replica has to apply what they would miss", async () => {
    const reader = startReader([forService(replica.url)]);
    const conflict = Object.assign(new DatabaseError("conflict with recovery", 0, "error"), {
      code: "40001",
    });
    const answer = await reader.read(ingest.tenant.organizationId, async (sql) => {
      const seen = await look(sql);
      if (seen.server === "replica") throw conflict;
      return seen;
    });
    expect(answer.server).toBe("primary");
    expect((await read(reader)).server).toBe("replica");
    expect(logged).toEqual([]);
  });

  it("fail as they are when the fault is theirs", async () => {
    const reader = startReader([forService(replica.url)]);
    let tries = 0;
    const failed = reader.read(ingest.tenant.organizationId, async (sql) => {
      tries += 1;
      await sql.query("select 1 / 0");
    });
    await expect(failed).rejects.toMatchObject({ code: "22012" });
    expect(tries).toBe(1);
  });

  it("do not end a rest when they began before it", async () => {
    const real = openPool(forService(replica.url));
    const pending: { resolve: (client: PoolClient) => void; reject: (error: Error) => void }[] = [];
    const connect = () => new Promise((resolve, reject) => pending.push({ resolve, reject }));
    const pool = { idleCount: 2, totalCount: 2, options: { max: 2 }, connect } as unknown as Pool;
    const reader = createReader({
      primary: openPool(postgres.databaseUrl),
      replicas: [{ name: "r", pool }],
      lagMsMax: 2_000,
      log: (severity, message) => logged.push({ severity, message, reason: undefined }),
      now: () => clock.now,
    });
    const [early, late] = [read(reader), read(reader)];
    await expect.poll(() => pending.length).toBe(2);
    pending[1]?.reject(new Error("broken"));
    expect((await Promise.race([early, late])).server).toBe("primary");
    pending[0]?.resolve(await real.connect());
    expect(
      (await Promise.all([early, late])).map(({ server }) => server).toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(["primary", "replica"]);
    expect((await read(reader)).server).toBe("primary");
    expect(logged.map(({ severity }) => severity)).toEqual(["WARNING"]);
  });

  it("go to the primary where the login may not see how far it is", async () => {
    const revoke = "revoke execute on function pg_control_system() from public";
    await asOwner(postgres.adminDatabaseUrl, (sql) => sql.query(revoke));
    try {
      const reader = startReader([forService(replica.url)]);
      expect(await read(reader)).toEqual({ server: "primary", rows: written });
      expect(await read(reader)).toEqual({ server: "primary", rows: written });
      expect(logged.map(({ reason }) => reason)).toEqual(["the primary does not tell where it is"]);
    } finally {
      const grant = "grant execute on function pg_control_system() to public";
      await asOwner(postgres.adminDatabaseUrl, (sql) => sql.query(grant));
    }
  });

  it("never go to a replica of another database, nor to a server that is none", async () => {
    await asOwner(postgres.adminDatabaseUrl, (sql) => sql.query("create database another"));
    const another = new URL(forService(replica.url));
    another.pathname = "/another";
    // Until the replica has it.
    const there = openPool(another.href);
    await expect
      .poll(() =>
        there.query("select 1").then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const reader = startReader([another.href, postgres.databaseUrl]);
    expect((await read(reader)).server).toBe("primary");
    expect((await read(reader)).server).toBe("primary");
    expect(new Set(logged.map(({ reason }) => reason))).toEqual(
      new Set(["a copy of another database", "no replica any more"]),
    );
  });
});

const justNow = (): string => new Date(Date.now() - 60_000).toISOString();

function countOf({ total, executions }: Record<string, unknown>): unknown {
  return executions ?? (total as { executions: number }).executions;
}

interface Instance {
  ask: (path: string) => Promise<{ cache: string | null; body: Record<string, unknown> }>;
  lines: string[];
}

async function startInstance(): Promise<Instance> {
  const lines: string[] = [];
  const context = createContext(
    readConfig({
      DATABASE_URL: postgres.databaseUrl,
      DATABASE_REPLICA_URLS: forService(replica.url),
      CLICKHOUSE_URL: AWAY,
      NETRA_SUMMARY_CACHE_MS: "600000",
      NETRA_FINDINGS_AGE_MS: "0",
      NETRA_REPLICA_LAG_MS_MAX: "1000",
    }),
    (line) => lines.push(line),
  );
  const served = await serveFunction(createHandler(context), 1_000_000);
  closing.push(async () => {
    await served.close();
    await context.close();
  });
  return {
    lines,
    async ask(path) {
      const headers = { authorization: `Bearer ${ingest.tenant.key}` };
      const response = await fetch(`${served.url}${path}`, { headers });
      expect(response.status).toBe(200);
      return {
        cache: response.headers.get("x-netra-cache"),
        body: (await response.json()) as Record<string, unknown>,
      };
    },
  };
}

const PATHS = [
  "/v1/summary?source=ledger",
  "/v1/analytics/costs?source=ledger",
  "/v1/insights",
  "/v1/shipped",
] as const;

let stored = 0;
async function store(): Promise<number> {
  const execution = makeExecution({ timestamp: justNow() });
  expect((await ingest.post({ executions: [execution] })).status).toBe(200);
  stored += 1;
  return stored;
}

describe("the insights function with a replica", () => {
  it("answers from it, in each instance, with what was stored just before", async () => {
    const instances = [await startInstance(), await startInstance()];
    for (let round = 0; round < 3; round += 1) {
      const count = await store();
      for (const path of PATHS) {
        for (const { ask } of instances) {
          expect([path, countOf((await ask(path)).body)]).toEqual([path, count]);
        }
      }
    }
    const used = await asOwner(replica.url, (sql) =>
      sql.query("select 1 from pg_stat_activity where application_name = 'netra-insights-replica'"),
    );
    expect(used.rows.length).toBeGreaterThan(0);
  });

  it("answers from its cache only while nothing was stored, also what the replica does not show", async () => {
    const { ask, lines } = await startInstance();
    const [path] = PATHS;
    await ask(path);
    await onReplica("select pg_wal_replay_pause()");
    const count = await store();
    expect(countOf((await ask(path)).body)).toBe(count);
    expect(lines.filter((line) => line.includes("a replica cannot serve"))).toHaveLength(1);
    await onReplica("select pg_wal_replay_resume()");
    await expect
      .poll(async () => {
        const { cache, body } = await ask(path);
        return [cache, countOf(body)];
      })
      .toEqual(["hit", count]);
  });
});

// These end the replica, so they come last.
describe("a replica that is one no more", () => {
  it("is not read once it was promoted", async () => {
    const reader = startReader([forService(replica.url)]);
    expect((await read(reader)).server).toBe("replica");
    await onReplica("select pg_promote(true, 30)");
    // It goes its own way from here.
    await onReplica("insert into written values (-1)");
    const rows = await write();
    expect(await read(reader)).toEqual({ server: "primary", rows });
    expect(logged.map(({ reason }) => reason)).toEqual(["no replica any more"]);
  });

  it("does not name what it has committed as the one before would", async () => {
    const servers = [postgres.adminDatabaseUrl, replica.url];
    // Both use up numbers of transactions until they are equally far, with other commits.
    const [one = 0n, other = 0n] = await Promise.all(servers.map(nextOf));
    const goal = one > other ? one : other;
    for (const url of servers) {
      while ((await nextOf(url)) < goal) {
        await asOwner(url, (sql) => sql.query("select pg_current_xact_id()"));
      }
    }
    const [before, after] = await Promise.all(servers.map((url) => asOwner(url, getSnapshotName)));
    expect(after).not.toBe(before);
    expect(after?.split(" ")[0]).toBe(before?.split(" ")[0]);
  });

  it("is the primary of none that follows the one before, however far that is", async () => {
    const left = await startOwnReplica(postgres.adminDatabaseUrl);
    closing.push(() => left.close());
    await asOwner(postgres.adminDatabaseUrl, (sql) => sql.query("select pg_switch_wal()"));
    await write();
    const promoted = await placeOf(replica.url, "pg_current_wal_insert_lsn()");
    await expect
      .poll(async () => (await placeOf(left.url, "pg_last_wal_replay_lsn()")) > promoted, { timeout: 20_000 })
      .toBe(true);
    const reader = createReader({
      primary: openPool(forService(replica.url)),
      replicas: [{ name: "left", pool: openPool(forService(left.url)) }],
      lagMsMax: 2_000,
      log: (severity, message, fields) =>
        logged.push({ severity, message, reason: (fields as { reason?: unknown } | undefined)?.reason }),
      now: () => clock.now,
    });
    expect((await read(reader)).server).toBe("primary");
    expect(logged.map(({ reason }) => reason)).toEqual(["on another timeline"]);
  });

  it("is told of once when it was stopped, and reads go on", async () => {
    const reader = startReader([forService(replica.url)]);
    await replica.stop();
    const rows = await write();
    const answers = await Promise.all([1, 2, 3, 4].map(() => read(reader)));
    expect(answers).toEqual(answers.map(() => ({ server: "primary", rows })));
    expect(logged.map(({ reason }) => reason)).toEqual(["does not answer"]);
  });
});
