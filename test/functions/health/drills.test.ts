import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../../../functions/health/gather.ts";
import {
  type OwnClickHouse,
  type OwnPostgres,
  startOwnClickHouse,
  startOwnPostgres,
} from "../../helpers/embedded-servers.ts";
import { type Health, startHealth } from "../../helpers/health.ts";
import { startOwnReplica } from "../../helpers/own-replica.ts";
import { until } from "../../helpers/stored.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";

/** Asks as the platform's own caller, who needs no key that would have to be looked up. */
async function ask(url: string): Promise<Report> {
  const response = await fetch(`${url}/v1/health`);
  expect(response.status).toBe(200);
  return (await response.json()) as Report;
}

function statusesOf(report: Report): Record<string, string> {
  return Object.fromEntries(report.checks.map(({ name, status }) => [name, status]));
}

async function ready(url: string): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(`${url}/ready`);
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

/** What a check of one store or the other is named. */
const OF_CLICKHOUSE = /^clickhouse_/;
const OF_THE_PROCESS = new Set(["pool_utilization", "pool_waiters", "certificate_expiry"]);

type Statuses = Record<string, string>;

function mapOf(statuses: Statuses, change: (name: string, status: string) => string): Statuses {
  return Object.fromEntries(Object.entries(statuses).map(([name, status]) => [name, change(name, status)]));
}

function ofClickHouse(statuses: Statuses): Statuses {
  return Object.fromEntries(Object.entries(statuses).filter(([name]) => OF_CLICKHOUSE.test(name)));
}

describe("with servers of its own", () => {
  let postgres: OwnPostgres;
  let clickhouse: OwnClickHouse;
  let health: Health;
  beforeAll(async () => {
    postgres = await startOwnPostgres();
    clickhouse = await startOwnClickHouse(postgres.adminDatabaseUrl);
    health = await startHealth({ databases: { ...postgres, ...clickhouse } });
  });
  afterAll(async () => {
    await health?.close();
    await clickhouse?.close();
    await postgres?.close();
  });

  it("tells of connections that are nearly used up, and of work in all of them", async () => {
    const names = ["connection_slots", "active_connections"];
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok"]);
    const clients = Array.from(
      { length: 82 },
      () => new Client({ connectionString: postgres.adminDatabaseUrl }),
    );
    for (const client of clients) client.on("error", () => undefined);
    await Promise.all(clients.map((client) => client.connect()));
    expect(await health.statuses(...names)).toEqual({
      connection_slots: "warning",
      active_connections: "ok",
    });
    const sleeping = clients
      .slice(0, 50)
      .map((client) => client.query("select pg_sleep(120)").catch(() => "ended"));
    await until(async () => (await health.check("active_connections")).status === "warning");
    await asOwner(postgres.adminDatabaseUrl, (sql) =>
      sql.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%'"),
    );
    await Promise.all(sleeping);
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    await until(async () => (await health.check("connection_slots")).status === "ok");
    expect(await health.statuses(...names)).toEqual({ connection_slots: "ok", active_connections: "ok" });
  });

  it("says what the statistics of statements say, where there are any", async () => {
    expect((await health.check("statement_statistics")).message).toContain("not installed");
    await asOwner(postgres.adminDatabaseUrl, (sql) =>
      sql.query("alter system set shared_preload_libraries = 'pg_stat_statements'"),
    );
    // Installed and not loaded is as good as not there, and no error.
    await asOwner(postgres.adminDatabaseUrl, (sql) => sql.query("create extension pg_stat_statements"));
    expect((await health.check("statement_statistics")).status).toBe("ok");
    await postgres.stop();
    await postgres.start();
    await until(async () => (await health.check("statement_statistics").catch(() => null))?.status === "ok");
    await asOwner(postgres.adminDatabaseUrl, async (sql) => {
      for (let call = 0; call < 10; call += 1) await sql.query("select pg_sleep(1.05)");
      const slow = await sql.query("select * from slow_query_analysis where query like 'select pg_sleep%'");
      expect(slow.rows).toMatchObject([{ calls: "10", priority: "high" }]);
      const advice = await sql.query(
        "select * from performance_optimization_recommendations where category = 'queries'",
      );
      expect(advice.rows.some(({ recommendation }) => String(recommendation).includes("pg_sleep"))).toBe(
        true,
      );
    });
    expect((await health.check("statement_statistics")).status).toBe("warning");
    // An owner who may not read the server's settings, as in a managed database.
    await asOwner(postgres.adminDatabaseUrl, (sql) =>
      sql.query("create role plain; alter function statement_statistics() owner to plain"),
    );
    expect((await health.check("statement_statistics")).status).toBe("warning");
    await asOwner(postgres.adminDatabaseUrl, (sql) => sql.query("select pg_stat_statements_reset()"));
    expect((await health.check("statement_statistics")).status).toBe("ok");
  });

  it("replica lagging, then gone: critical each time, also while it still tells of the lag it once had", async () => {
    const names = ["replicas", "replication_lag"];
    const { sources } = health.context;
    sources.replicasExpected = 1;
    const replica = await startOwnReplica(postgres.adminDatabaseUrl);
    const onReplica = (text: string): Promise<unknown> => asOwner(replica.url, (sql) => sql.query(text));
    const isWell = async (): Promise<boolean> =>
      JSON.stringify(await health.statuses(...names)) ===
      JSON.stringify({ replication_lag: "ok", replicas: "ok" });
    try {
      await until(isWell);

      await onReplica("select pg_wal_replay_pause()");
      await asOwner(postgres.adminDatabaseUrl, (sql) =>
        // Tests commit without waiting for the log, and what is not written yet is no lag.
        sql.query("set synchronous_commit = on; create table written_meanwhile (n integer)"),
      );
      await health.run();
      await asOwner(postgres.adminDatabaseUrl, (sql) =>
        sql.query("update health_samples set sampled_at = sampled_at - interval '40 seconds'"),
      );
      const during = await health.check("replication_lag");
      expect(during.status).toBe("critical");
      expect(during.value).toBeGreaterThanOrEqual(40);
      expect(await health.statuses("replicas")).toEqual({ replicas: "ok" });

      await onReplica("select pg_wal_replay_resume()");
      await until(isWell);
      await replica.stop();
      await until(async () => (await health.check("replicas")).status === "critical");
      expect((await health.check("replication_lag")).status).toBe("unknown");
    } finally {
      sources.replicasExpected = 0;
      await replica.close();
    }
    expect(await health.statuses(...names)).toEqual({ replication_lag: "ok", replicas: "ok" });
  });

  it("database stopped: critical, everything it holds unknown, and well again when it is back", async () => {
    const before = statusesOf(await ask(health.url));
    expect(before).toMatchObject({ postgres_connection: "ok", relay_lag: "ok" });
    expect(await ready(health.url)).toMatchObject({
      status: 200,
      body: { postgres: "ok", clickhouse: "ok" },
    });

    await postgres.stop();
    const during = await ask(health.url);
    expect(during.status).toBe("critical");
    expect(statusesOf(during)).toEqual(
      mapOf(before, (name, status) => {
        if (name === "postgres_connection") return "critical";
        if (OF_CLICKHOUSE.test(name)) return status;
        return OF_THE_PROCESS.has(name) ? status : "unknown";
      }),
    );
    await until(async () => (await ready(health.url)).status === 503);
    expect((await ready(health.url)).body).toEqual({
      status: "not_ready",
      postgres: "no_answer",
      clickhouse: "ok",
    });
    expect((await fetch(`${health.url}/live`)).status).toBe(200);
    const run = await fetch(`${health.url}/run`, { method: "POST" });
    expect(run.status).toBe(503);
    expect(
      health.logLines.some((line) => line.includes('"CRITICAL"') && line.includes("postgres_connection")),
    ).toBe(true);
    // A key nobody can look up opens nothing, and it is said what answers instead.
    const withKey = await fetch(`${health.url}/v1/health`, {
      headers: { authorization: `Bearer ntr_${"0".repeat(43)}` },
    });
    expect(withKey.status).toBe(503);
    expect(((await withKey.json()) as { detail: string }).detail).toContain("/ready");

    await postgres.start();
    await until(async () => (await ready(health.url)).status === 200);
    expect(statusesOf(await ask(health.url))).toMatchObject({ postgres_connection: "ok", relay_lag: "ok" });
  });

  it("ClickHouse stopped: critical, nothing of the ledger's changes, and well again when it is back", async () => {
    const before = statusesOf(await ask(health.url));
    expect(before).toMatchObject({ clickhouse_connection: "ok", clickhouse_query: "ok" });

    await clickhouse.stop();
    const during = statusesOf(await ask(health.url));
    expect(ofClickHouse(during)).toEqual(
      mapOf(ofClickHouse(before), (name) =>
        name === "clickhouse_connection" || name === "clickhouse_query" ? "critical" : "unknown",
      ),
    );
    expect(during).toMatchObject({ postgres_connection: "ok", relay_lag: "ok", postgres_migrations: "ok" });
    await until(async () => (await ready(health.url)).status === 503);
    expect((await ready(health.url)).body).toEqual({
      status: "not_ready",
      postgres: "ok",
      clickhouse: "no_answer",
    });

    await clickhouse.start();
    await until(async () => (await ready(health.url)).status === 200);
    expect(statusesOf(await ask(health.url))).toMatchObject({
      clickhouse_connection: "ok",
      clickhouse_query: "ok",
    });
  });
});

describe("with servers that take connections and never answer", () => {
  /** How long the answer may take: 2 s, and what a busy machine adds. */
  const ANSWER_MS = 2_000;
  const SLACK_MS = 2_000;
  const sockets = new Set<Socket>();
  let silent: Server;
  let port: number;
  beforeAll(async () => {
    silent = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    ({ port } = silent.address() as AddressInfo);
  });
  afterAll(() => {
    silent?.close();
    for (const socket of sockets) socket.destroy();
  });

  it.each([
    ["both", true, true],
    ["the ledger", true, false],
    ["the analytics store", false, true],
  ])("answers in time and takes nothing for well when it is %s", async (_, noPostgres, noClickHouse) => {
    const healthy = await startHealth();
    const databases = {
      ...healthy.databases,
      ...(noPostgres ? { databaseUrl: `postgres://u:p@127.0.0.1:${port}/netra` } : {}),
      ...(noClickHouse ? { clickhouseUrl: `http://u:p@127.0.0.1:${port}/netra` } : {}),
    };
    const health = await startHealth({
      databases,
      tenant: await createTenant(healthy.databases.adminDatabaseUrl),
    });
    try {
      for (const path of ["/v1/health", "/ready", "/metrics"]) {
        const startedAt = performance.now();
        const response = await fetch(`${health.url}${path}`);
        await response.text();
        expect(performance.now() - startedAt).toBeLessThan(ANSWER_MS + SLACK_MS);
        expect([path, response.status]).toEqual([path, path === "/ready" ? 503 : 200]);
      }
      const report = await ask(health.url);
      expect(report.duration_ms).toBeLessThan(ANSWER_MS + SLACK_MS);
      expect(report.status).toBe("critical");
      const wrong = report.checks.filter(
        ({ name, status }) =>
          status === "ok" &&
          !OF_THE_PROCESS.has(name) &&
          (OF_CLICKHOUSE.test(name) ? noClickHouse : noPostgres),
      );
      expect(wrong).toEqual([]);
      const startedAt = performance.now();
      const withKey = await fetch(`${health.url}/v1/health`, {
        headers: { authorization: `Bearer ${health.tenant.key}` },
      });
      expect(withKey.status).toBe(noPostgres ? 503 : 200);
      expect(performance.now() - startedAt).toBeLessThan(ANSWER_MS + SLACK_MS);
    } finally {
      await health.close();
      await healthy.close();
    }
  });
});
