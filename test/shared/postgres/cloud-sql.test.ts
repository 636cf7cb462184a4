import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client, escapeIdentifier } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createPool, isPassing, type Pool } from "../../../shared/postgres/pool.ts";
import type { SecretHandle } from "../../../shared/secret-source.ts";
import { type CloudSqlServer, startCloudSql } from "../../helpers/cloud-sql-server.ts";
import { type OwnPostgres, startOwnPostgres } from "../../helpers/embedded-servers.ts";
import { type MetadataServer, startMetadataServer } from "../../helpers/google-metadata.ts";

const EMAIL = "ingest@netra-test.iam.gserviceaccount.com";
const IAM_USER = "ingest@netra-test.iam";
const CONNECTION_NAME = "netra-test:europe-west1:ledger";
const HOST = "127.0.0.2";
const PROCESS = fileURLToPath(new URL("cloud-sql-process.ts", import.meta.url));

let postgres: OwnPostgres;
let metadata: MetadataServer;
let server: CloudSqlServer;
let logged: string[];
let pools: Pool[];

beforeAll(async () => {
  postgres = await startOwnPostgres();
  metadata = await startMetadataServer({ projectId: "netra-test", email: EMAIL });
  for (const [name, value] of Object.entries(metadata.env)) vi.stubEnv(name, value);
  const admin = new Client({ connectionString: postgres.adminDatabaseUrl });
  await admin.connect();
  await admin.query(`create role ${escapeIdentifier(IAM_USER)} login`);
  await admin.query("create role app login password 'first'");
  // What Cloud SQL's proxy has proved by the certificate, its PostgreSQL takes as it is.
  const { rows } = await admin.query<{ hba_file: string }>("show hba_file");
  const file = rows[0]?.hba_file ?? "";
  await writeFile(file, `host all "${IAM_USER}" 127.0.0.1/32 trust\n${await readFile(file, "utf8")}`);
  await admin.query("select pg_reload_conf()");
  await admin.end();
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await metadata.close();
  await postgres.close();
});

beforeEach(async () => {
  logged = [];
  pools = [];
  server = await startCloudSql({
    connectionName: CONNECTION_NAME,
    host: HOST,
    postgresPort: Number(new URL(postgres.adminDatabaseUrl).port),
    accountOf: metadata.accountOf,
  });
});

afterEach(async () => {
  await Promise.all(pools.filter(({ ended }) => !ended).map((pool) => pool.end()));
  await server.close();
});

interface Wanted {
  user?: string;
  password?: SecretHandle;
  refreshGapMs?: number;
  connectionTimeoutMs?: number;
}

function open({ user = IAM_USER, password, refreshGapMs, connectionTimeoutMs }: Wanted = {}): Pool {
  const pool = createPool({
    cloudSql: {
      connectionName: CONNECTION_NAME,
      apiUrl: server.apiUrl,
      network: "PRIVATE",
      user,
      password: password ?? null,
      database: "postgres",
      refreshGapMs,
    },
    connectionsMax: 4,
    applicationName: "test",
    log: (_severity, message) => logged.push(message),
    ...(connectionTimeoutMs === undefined ? {} : { connectionTimeoutMs }),
  });
  pools.push(pool);
  return pool;
}

async function userOf(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query<{ user: string }>('select current_user as "user"');
  return rows[0]?.user;
}

describe("Cloud SQL with IAM", () => {
  it("connects as the instance's account, by its login or its e-mail, over a certificate made for it", async () => {
    const pool = open();
    expect(pool.totalCount).toBe(0);
    expect(server.certificatesWanted()).toBe(0);
    expect(await userOf(pool)).toBe(IAM_USER);
    expect(await userOf(open({ user: EMAIL }))).toBe(IAM_USER);
    expect(server.proxy.users).toEqual([IAM_USER, IAM_USER]);
  });

  it("shares its connections among many statements and transactions", async () => {
    const pool = open();
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const { rows } = await pool.query<{ n: number }>("select $1::int as n", [index]);
        return rows[0]?.n;
      }),
    );
    expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(pool.totalCount).toBeLessThanOrEqual(4);
    expect(server.certificatesWanted()).toBe(1);
    const client = await pool.connect();
    await client.query("begin; set local work_mem = '8MB'; commit");
    client.release();
  });

  it("is refused as another user, says so at once and asks no further", async () => {
    const pool = open({ user: "other@netra-test.iam" });
    await expect(pool.query("select 1")).rejects.toMatchObject({ code: "28000" });
    expect(server.proxy.users).toHaveLength(1);
  });

  it("goes on with new certificates while it is used", async () => {
    server.setLifetime(2_500);
    const pool = open({ refreshGapMs: 400 });
    const until = Date.now() + 3_500;
    let answered = 0;
    while (Date.now() < until) {
      const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
      for (const client of clients) {
        await client.query("select 1");
        // A connection of its own for each: every one needs a certificate that holds.
        client.release(true);
        answered += 1;
      }
    }
    expect(answered).toBeGreaterThan(10);
    expect(server.certificatesWanted()).toBeGreaterThan(3);
  });

  it("waits for a new certificate when its own has ended", async () => {
    server.setLifetime(2_000);
    const pool = open({ refreshGapMs: 3_500 });
    await pool.query("select 1");
    // The first renewal is not held back by the gap; the next one is, and until then the certificate has ended.
    await vi.waitFor(() => expect(server.certificatesWanted()).toBe(2));
    server.setLifetime(3_600_000);
    await sleep(2_200);
    server.proxy.drop();
    await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    expect(server.certificatesWanted()).toBe(2);
    expect(await userOf(pool)).toBe(IAM_USER);
    expect(server.certificatesWanted()).toBe(3);
  });

  it("loses only what runs when every connection is cut, and connects anew", async () => {
    const pool = open();
    await Promise.all([pool.query("select 1"), pool.query("select 1")]);
    const running = pool.query("select pg_sleep(60)");
    await vi.waitFor(() => expect(pool.idleCount).toBeLessThan(pool.totalCount));
    server.proxy.drop();
    const error: unknown = await running.catch((caught: unknown) => caught);
    expect(isPassing(error)).toBe(true);
    await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    expect(logged).toContain("a database connection broke");
    expect(await userOf(pool)).toBe(IAM_USER);
  });

  it("is well again after a first request to the admin API that failed", async () => {
    server.setFault(403);
    const pool = open();
    const failures = await Promise.allSettled([pool.query("select 1"), pool.query("select 1")]);
    expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    // The API has a quota: within the pause nobody asks it.
    const requests = server.requests();
    expect(requests).toBe(1);
    await expect(pool.query("select 1")).rejects.toThrow("403");
    expect(server.requests()).toBe(requests);
    server.setFault(null);
    await vi.waitFor(async () => expect(await userOf(pool)).toBe(IAM_USER), {
      timeout: 10_000,
      interval: 500,
    });
  });

  it("survives certificates that cannot be renewed before any connection stood", async () => {
    await server.proxy.close();
    server.setLifetime(1_000);
    const pool = open({ refreshGapMs: 200, connectionTimeoutMs: 1_500 });
    const refused = pool.query("select 1");
    await vi.waitFor(() => expect(server.certificatesWanted()).toBeGreaterThan(0));
    server.setFault(403);
    await expect(refused).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const requests = server.requests();
    // An unhandled rejection would fail the run.
    await vi.waitFor(() => expect(server.requests()).toBeGreaterThan(requests + 2), { timeout: 5_000 });
  });

  it("closes in any state: never used, failed, in use", async () => {
    await open().end();
    server.setFault(403);
    const failed = open();
    await expect(failed.query("select 1")).rejects.toThrow("403");
    await failed.end();
    await expect(failed.query("select 1")).rejects.toThrow("are closed");
    server.setFault(null);
    const used = open();
    await used.query("select 1");
    await used.end();
    await vi.waitFor(() => expect(server.proxy.openCount()).toBe(0));
  });
});

function handle(read: () => string): { password: SecretHandle; forgotten: () => number } {
  let forgotten = 0;
  return {
    password: { read: async () => read(), forget: () => void (forgotten += 1) },
    forgotten: () => forgotten,
  };
}

describe("Cloud SQL with a password", () => {
  it("reads the password anew when it was changed, without a restart", async () => {
    let current = "wrong";
    const { password, forgotten } = handle(() => current);
    const pool = open({
      user: "app",
      password: {
        ...password,
        forget() {
          password.forget();
          current = "first";
        },
      },
    });
    expect(await userOf(pool)).toBe("app");
    expect(forgotten()).toBe(1);
  });

  it("tries a wrong password twice and no more", async () => {
    const { password, forgotten } = handle(() => "wrong");
    await expect(open({ user: "app", password }).query("select 1")).rejects.toMatchObject({ code: "28P01" });
    expect(forgotten()).toBe(1);
    expect(server.proxy.users).toEqual(["app", "app"]);
  });

  it("does not let an IAM user in by a certificate without an account", async () => {
    const { password } = handle(() => "first");
    await expect(open({ user: IAM_USER, password }).query("select 1")).rejects.toMatchObject({
      code: "28000",
    });
  });

  it("fails, and tries again next time, when the secret cannot be read", async () => {
    let isAway = true;
    const { password } = handle(() => {
      if (isAway) throw new Error("Secret Manager is away");
      return "first";
    });
    const pool = open({ user: "app", password, connectionTimeoutMs: 300 });
    await expect(pool.query("select 1")).rejects.toThrow("Secret Manager is away");
    isAway = false;
    expect(await userOf(pool)).toBe("app");
  });
});

describe("a process with connections to Cloud SQL", () => {
  it("answers after being frozen past the end of its certificate, and ends by itself once its pool has", async () => {
    server.setLifetime(1_500);
    const child = fork(PROCESS, [
      JSON.stringify({ connectionName: CONNECTION_NAME, apiUrl: server.apiUrl, user: IAM_USER }),
    ]);
    try {
      const ask = async (sql: string): Promise<unknown> => {
        const answered = once(child, "message");
        child.send(sql);
        return (await answered)[0] as unknown;
      };
      await once(child, "message");
      expect(await ask("select current_user")).toMatchObject({ rows: [{ current_user: IAM_USER }] });
      server.proxy.drop();
      await vi.waitFor(() => expect(server.proxy.openCount()).toBe(0));
      child.kill("SIGSTOP");
      await sleep(2_500);
      child.kill("SIGCONT");
      expect(await ask("select current_user")).toMatchObject({ rows: [{ current_user: IAM_USER }] });
      const ended = once(child, "exit");
      child.send("end");
      expect((await ended)[0]).toBe(0);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
