import { randomUUID } from "node:crypto";
import { createServer as createTlsServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClickHouse, createClickHouse } from "../../../shared/clickhouse/client.ts";
import { ensurePartition } from "../../../shared/postgres/command-executions.ts";
import { recordJobRun } from "../../../shared/postgres/job-runs.ts";
import { createPool } from "../../../shared/postgres/pool.ts";
import { makeCertificate } from "../../helpers/certificate.ts";
import { type Health, startHealth } from "../../helpers/health.ts";
import { until } from "../../helpers/stored.ts";
import { asOwner } from "../../helpers/tenant.ts";

/*
 * What each check names is broken for real, seen to turn it, and mended, seen to turn it back. What lasts longer than a
 * test may (an hour's lateness) is written into the tables where the time is kept.
 */

let health: Health;
let admin: string;
beforeAll(async () => {
  health = await startHealth();
  admin = health.databases.adminDatabaseUrl;
});
afterAll(() => health?.close());

async function owner(...statements: string[]): Promise<void> {
  await asOwner(admin, async (sql) => {
    for (const statement of statements) await sql.query(statement);
  });
}

async function status(name: string): Promise<string> {
  return (await health.check(name)).status;
}

/** A second session, which is gone whatever happens. */
async function inSession(work: (sql: Client) => Promise<void>): Promise<void> {
  const sql = new Client({ connectionString: admin, application_name: "a-function" });
  sql.on("error", () => undefined);
  await sql.connect();
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}

const ORGANIZATION = (): string => `'${health.tenant.organizationId}'`;

describe("queues", () => {
  it("tells of a relay that is stuck, and that it goes on", async () => {
    expect(await health.statuses("relay_lag", "relay_backlog")).toEqual({
      relay_lag: "ok",
      relay_backlog: "ok",
    });
    const add = (age: string, records: number): string => `
      insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes, created_at)
      select ${ORGANIZATION()}, array_agg(gen_random_uuid()), array_agg(now()), 1, now() - interval '${age}'
      from generate_series(1, ${records})`;
    await owner(add("4 minutes", 1));
    expect(await health.statuses("relay_lag", "relay_backlog")).toEqual({
      relay_lag: "warning",
      relay_backlog: "ok",
    });
    await owner("truncate analytics_outbox", add("1 hour", 100_000));
    expect(await health.statuses("relay_lag", "relay_backlog")).toEqual({
      relay_lag: "critical",
      relay_backlog: "warning",
    });
    await owner(
      "truncate analytics_outbox",
      `insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes)
       select ${ORGANIZATION()}, array[gen_random_uuid()], array[now()], 1 from generate_series(1, 100000)`,
    );
    expect(await status("relay_backlog")).toBe("warning");
    await owner("truncate analytics_outbox");
    expect(await health.statuses("relay_lag", "relay_backlog")).toEqual({
      relay_lag: "ok",
      relay_backlog: "ok",
    });
  });

  it("tells of events and deliveries nobody takes and that were given up", async () => {
    const names = ["events_overdue", "event_dead_letters", "deliveries_overdue", "delivery_dead_letters"];
    const all = (one: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, one]));
    expect(await health.statuses(...names)).toEqual(all("ok"));
    await owner(
      "select ensure_event_partition('events', now())",
      "select ensure_event_partition('event_deliveries', now())",
      `insert into events (organization_id, id, received_at, source_id, source, event_type, delivery_key, body, body_sha256,
         is_text, headers, status, next_attempt_at)
       select ${ORGANIZATION()}, gen_random_uuid(), now(), gen_random_uuid(), 'github', 'github.push', n::text, '{}',
         sha256('{}'), true, '{}', case when n = 1 then 'failed' else 'dead_letter' end,
         case when n = 1 then now() - interval '6 minutes' end
       from generate_series(1, 2) n`,
      `insert into event_deliveries (organization_id, id, event_id, event_received_at, subscription_id, generation, status,
         next_attempt_at, last_attempt_at)
       select ${ORGANIZATION()}, gen_random_uuid(), gen_random_uuid(), now(), gen_random_uuid(), 0,
         case when n = 1 then 'failed' else 'dead_letter' end, case when n = 1 then now() - interval '6 minutes' end, now()
       from generate_series(1, 2) n`,
    );
    expect(await health.statuses(...names)).toEqual(all("warning"));
    await owner("update events set next_attempt_at = now() - interval '1 hour' where status = 'failed'");
    expect(await status("events_overdue")).toBe("critical");
    await owner("delete from events", "delete from event_deliveries");
    expect(await health.statuses(...names)).toEqual(all("ok"));
  });

  it("tells when nothing has been stored for an hour, and does not before anything ever was", async () => {
    expect(await status("last_execution")).toBe("unknown");
    await owner(
      "select ensure_command_executions_partition(now())",
      `insert into command_executions (organization_id, id, timestamp, source, command_raw, command_base, command_args,
         command_features, status)
       values (${ORGANIZATION()}, gen_random_uuid(), now(), 'client', 'x', 'x', '{}', '{}', 'pending')`,
      `insert into ingest_keys (organization_id, id, timestamp) select organization_id, id, timestamp from command_executions`,
    );
    expect(await health.check("last_execution")).toMatchObject({ status: "ok", value: 60 });
    await owner("update ingest_keys set seen_at = now() - interval '61 minutes'");
    expect(await health.check("last_execution")).toMatchObject({ status: "warning", value: 21_600 });
    await owner("update ingest_keys set seen_at = now() - interval '30 days'");
    expect(await status("last_execution")).toBe("warning");
    await owner("delete from ingest_keys", "delete from command_executions");
  });
});

describe("jobs", () => {
  it("tells of one that is overdue, that fails, that did a part, and that works again", async () => {
    const record = (outcome: "succeeded" | "partial" | "failed"): Promise<void> =>
      recordJobRun(health.context.pool, {
        job: "patterns",
        outcome,
        durationMs: 5,
        counts: {},
        errorClass: outcome === "failed" ? "ECONNREFUSED" : null,
      });
    expect(await status("job_patterns")).toBe("unknown");
    await record("succeeded");
    expect(await status("job_patterns")).toBe("ok");
    await owner("update job_states set last_succeeded_at = now() - interval '4 hours'");
    expect(await status("job_patterns")).toBe("warning");
    await owner("update job_states set last_succeeded_at = now() - interval '1 day'");
    expect(await status("job_patterns")).toBe("critical");
    await record("succeeded");
    expect(await status("job_patterns")).toBe("ok");
    await record("partial");
    expect(await status("job_patterns")).toBe("warning");
    await record("failed");
    const failed = await health.check("job_patterns");
    expect(failed.status).toBe("warning");
    expect(failed.message).toContain("ECONNREFUSED");
    await record("failed");
    await record("failed");
    expect(await status("job_patterns")).toBe("critical");
    await record("succeeded");
    expect(await status("job_patterns")).toBe("ok");
  });

  it("notes its own runs", async () => {
    await health.run();
    expect(await status("job_health")).toBe("ok");
  });
});

describe("the schema", () => {
  it("tells of a migration that is missing and of one the code does not know", async () => {
    const names = ["postgres_migrations", "clickhouse_migrations"];
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok"]);
    await owner(
      "create table set_aside as select name, checksum, run_on from schema_migrations where version = 12",
      "delete from schema_migrations where version = 12",
    );
    const behind = await health.check("postgres_migrations");
    expect(behind).toMatchObject({ status: "critical" });
    expect(behind.message).toContain("migration 12");
    await owner(
      "insert into schema_migrations (name, checksum, execution_ms, run_on) select name, checksum, 0, run_on from set_aside",
      "insert into schema_migrations (name, checksum, execution_ms, run_on) values ('000999_later', '', 0, now())",
    );
    expect(await status("postgres_migrations")).toBe("warning");
    await owner("delete from schema_migrations where version = 999", "drop table set_aside");
    expect(await status("postgres_migrations")).toBe("ok");

    const { clickhouse } = health.context.sources;
    const revise = (version: number, state: string): Promise<unknown> =>
      clickhouse.command({
        query: `insert into schema_migrations (version, name, status, checksum, execution_ms, revision)
          select ${version}, 'x', '${state}', repeat('0', 64), 0, max(revision) + 1 from schema_migrations`,
      });
    await revise(3, "reverted");
    expect(await status("clickhouse_migrations")).toBe("critical");
    await revise(3, "applied");
    await revise(999, "applied");
    expect(await status("clickhouse_migrations")).toBe("warning");
    await revise(999, "reverted");
    expect(await status("clickhouse_migrations")).toBe("ok");
  });

  it("tells of months that are missing and of one that had to be made on demand", async () => {
    const names = ["partitions_ahead", "months_made_on_demand"];
    expect(Object.values(await health.statuses(...names))).toEqual(["unknown", "unknown"]);
    const end = {
      job: "retention",
      outcome: "succeeded",
      durationMs: 1,
      counts: {},
      errorClass: null,
    } as const;
    await recordJobRun(health.context.pool, end);
    expect((await health.check("partitions_ahead")).status).toBe("critical");
    await owner(`
      do $$
      declare parent text;
      begin
        for parent in select m.parent from months_ahead() m loop
          for n in 0..3 loop
            if parent = 'command_executions' then
              perform ensure_command_executions_partition(date_trunc('month', now()) + make_interval(months => n));
            else
              perform ensure_event_partition(parent, date_trunc('month', now()) + make_interval(months => n));
            end if;
          end loop;
        end loop;
      end $$`);
    expect(await health.statuses(...names)).toEqual({ partitions_ahead: "ok", months_made_on_demand: "ok" });

    const later = new Date();
    later.setUTCMonth(later.getUTCMonth() + 4, 2);
    await ensurePartition(health.context.pool, later.getTime());
    await ensurePartition(health.context.pool, later.getTime());
    expect(await health.check("months_made_on_demand")).toMatchObject({ status: "warning", value: 1 });
    await ensurePartition(health.context.pool, Date.parse("2021-03-04T00:00:00Z"));
    expect(await health.check("months_made_on_demand")).toMatchObject({ value: 1 });
    await owner("delete from job_runs where job = 'month-made-on-demand'");
    expect(await status("months_made_on_demand")).toBe("ok");
  });
});

describe("the database", () => {
  it("tells of a size that has passed its threshold", async () => {
    const { sources } = health.context;
    const { databaseBytesMax } = sources;
    expect(await health.statuses("database_size", "table_size")).toEqual({
      database_size: "ok",
      table_size: "ok",
    });
    const { value } = await health.check("database_size");
    sources.databaseBytesMax = (value ?? 0) / 0.9;
    expect(await status("database_size")).toBe("warning");
    sources.databaseBytesMax = (value ?? 0) / 1.5;
    expect(await status("database_size")).toBe("critical");
    sources.databaseBytesMax = ((await health.check("table_size")).value ?? 0) / 0.95;
    expect(await status("table_size")).toBe("critical");
    sources.databaseBytesMax = databaseBytesMax;
    expect(await status("database_size")).toBe("ok");
  });

  it("tells of dead rows, of reads without an index, and of their end", async () => {
    await owner(
      "create table crowded (n integer) with (autovacuum_enabled = off)",
      "insert into crowded select generate_series(1, 30000)",
      "delete from crowded where n % 3 > 0",
      ...Array.from({ length: 110 }, () => "select count(*) from crowded where n = 3"),
      "select pg_stat_force_next_flush()",
    );
    expect(await health.check("table_bloat")).toMatchObject({
      status: "critical",
      message: /crowded/ as never,
    });
    await owner("insert into crowded select generate_series(1, 30000)", "select pg_stat_force_next_flush()");
    expect(await health.check("index_use")).toMatchObject({ status: "warning", message: /crowded/ as never });
    await owner("drop table crowded");
    expect(await health.statuses("table_bloat", "index_use")).toEqual({ table_bloat: "ok", index_use: "ok" });
  });

  it("tells of reads that miss the memory, by what was read lately", async () => {
    await owner("delete from health_samples");
    await health.run();
    await owner("update health_samples set value = value - 50000 where metric = 'blocks_read'");
    expect(await status("cache_hit_ratio")).toBe("critical");
    await owner("delete from health_samples");
    expect(await status("cache_hit_ratio")).toBe("ok");
  });

  it("tells of a deadlock", async () => {
    await owner("delete from health_samples");
    expect(await status("deadlocks")).toBe("unknown");
    await health.run();
    expect(await status("deadlocks")).toBe("ok");
    await owner("create table first_one (n integer)", "create table second_one (n integer)");
    await inSession((one) =>
      inSession(async (other) => {
        await one.query("set deadlock_timeout = '50ms'; begin; lock table first_one");
        await other.query("set deadlock_timeout = '50ms'; begin; lock table second_one");
        const outcomes = await Promise.allSettled([
          one.query("lock table second_one"),
          other.query("lock table first_one"),
        ]);
        expect(outcomes.filter(({ status: end }) => end === "rejected")).toHaveLength(1);
        for (const sql of [one, other]) await sql.query("rollback; select pg_stat_force_next_flush()");
      }),
    );
    await until(async () => (await status("deadlocks")) === "warning");
    await owner("drop table first_one, second_one");
  });

  it("tells of a transaction left open, a statement that is slow and a lock that is waited for, and of their end", async () => {
    const names = ["long_transactions", "slow_queries", "lock_waits"];
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok", "ok"]);
    await owner("create table held (n integer)");
    await inSession((holder) =>
      inSession((waiter) =>
        inSession(async (sleeper) => {
          await holder.query("begin; lock table held");
          const waiting = waiter.query("select count(*) from held");
          const sleeping = sleeper.query("select pg_sleep(60)").catch(() => "ended");
          await until(async () => (await status("lock_waits")) === "warning");
          await until(async () => (await status("slow_queries")) === "warning");
          const open = await health.check("long_transactions");
          // Nobody waits for five minutes here: what is seen of it is its age, which is judged by a test of its own.
          expect(open.value).toBeGreaterThan(5);
          expect(open.message).toMatch(/idle in it: [1-9]/);
          await holder.query("rollback");
          await waiting;
          await asOwner(admin, (sql) =>
            sql.query(
              "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)' and datname = current_database()",
            ),
          );
          expect(await sleeping).toBe("ended");
        }),
      ),
    );
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok", "ok"]);
    expect((await health.check("long_transactions")).value).toBeLessThan(5);
    await owner("drop table held");
  });

  it("takes nothing for well that its owner may not see", async () => {
    const names = ["active_connections", "long_transactions", "slow_queries", "lock_waits"];
    const role = `nobody_${randomUUID().slice(0, 8)}`;
    await owner(`create role ${role}`, `alter function database_sessions() owner to ${role}`);
    try {
      await inSession(async () => {
        expect(new Set(Object.values(await health.statuses(...names)))).toEqual(new Set(["unknown"]));
        expect(await health.check("connection_slots")).toMatchObject({ status: "ok", unit: "%" });
      });
      await owner(`grant pg_read_all_stats to ${role}`);
      expect(new Set(Object.values(await health.statuses(...names)))).toEqual(new Set(["ok"]));
    } finally {
      await owner(
        "alter function database_sessions() owner to current_user",
        `grant execute on function database_sessions() to netra_system`,
        `drop role ${role}`,
      );
    }
    expect(new Set(Object.values(await health.statuses(...names)))).toEqual(new Set(["ok"]));
  });

  it("tells of a pool whose connections are all lent", async () => {
    const names = ["pool_utilization", "pool_waiters"];
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok"]);
    const pool = createPool({
      databaseUrl: health.databases.databaseUrl,
      connectionsMax: 2,
      applicationName: "netra-small",
      log: () => undefined,
      connectionTimeoutMs: 60_000,
    });
    const lent = [await pool.connect(), await pool.connect()];
    expect(await health.statuses(...names)).toEqual({ pool_utilization: "critical", pool_waiters: "ok" });
    const waiting = pool.query("select 1");
    const full = await health.check("pool_waiters");
    expect(full).toMatchObject({ status: "warning", value: 1 });
    expect(full.message).toContain("netra-small");
    for (const client of lent) client.release();
    await waiting;
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok"]);
    await pool.end();
  });

  it("tells of a replica that is missing", async () => {
    const { sources } = health.context;
    expect(await health.statuses("replicas", "replication_lag")).toEqual({
      replicas: "ok",
      replication_lag: "ok",
    });
    sources.replicasExpected = 1;
    expect(await health.statuses("replicas", "replication_lag")).toEqual({
      replicas: "critical",
      replication_lag: "unknown",
    });
    sources.replicasExpected = 0;
    const slot = `s_${randomUUID().slice(0, 8)}`;
    await owner(`select pg_create_physical_replication_slot('${slot}', true)`);
    expect(await status("replicas")).toBe("warning");
    await owner(`select pg_drop_replication_slot('${slot}')`);
    expect(await status("replicas")).toBe("ok");
  });
});

describe("what ends by itself", () => {
  it("tells of API keys that are in use and end soon", async () => {
    expect(await status("key_expiry")).toBe("ok");
    const end = async (within: string): Promise<string> => {
      await owner(`update api_keys set last_used_at = now(), expires_at = now() + interval '${within}'`);
      return status("key_expiry");
    };
    expect(await end("8 days")).toBe("ok");
    expect(await end("6 days")).toBe("warning");
    expect(await end("20 hours")).toBe("critical");
    await owner("update api_keys set expires_at = null");
    expect(await status("key_expiry")).toBe("ok");
    const { stored } = await health.tenant.createKey({ expiresAt: new Date(Date.now() - 3_600_000) });
    await owner(`update api_keys set last_used_at = now() - interval '2 hours' where id = '${stored.id}'`);
    expect(await status("key_expiry")).toBe("critical");
    await owner(`delete from api_keys where id = '${stored.id}'`);
  });

  it("tells of a source of events whose secrets have all ended", async () => {
    expect(await status("source_secrets")).toBe("ok");
    await owner(
      `insert into event_sources (organization_id, kind, endpoint_id, name)
       values (${ORGANIZATION()}, 'github', 'abcdefghijklmnopqrstuvwx', 'hub')`,
      `insert into event_source_secrets (organization_id, source_id, reference, not_after)
       select organization_id, id, 'env:X', now() - interval '1 minute' from event_sources`,
    );
    expect(await status("source_secrets")).toBe("critical");
    await owner("update event_source_secrets set not_after = null");
    expect(await status("source_secrets")).toBe("ok");
  });

  it("tells of certificates that end soon, and of one that cannot be read", async () => {
    expect(await status("certificate_expiry")).toBe("ok");
    const { sources } = health.context;
    const server = createTlsServer(makeCertificate());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const address = { name: "ClickHouse", host: "127.0.0.1", port, protocol: "tls" } as const;
    const { tlsAddresses } = sources;
    try {
      sources.tlsAddresses = [address];
      const soon = await health.check("certificate_expiry");
      expect(soon).toMatchObject({ status: "critical", unit: "days" });
      expect(soon.value).toBeGreaterThan(0.9);
      expect(soon.value).toBeLessThan(1.1);
      sources.tlsAddresses = [{ ...address, port: 1 }];
      expect(await status("certificate_expiry")).toBe("unknown");
    } finally {
      sources.tlsAddresses = tlsAddresses;
      server.close();
    }
    expect(await status("certificate_expiry")).toBe("ok");
  });

  it("tells of clocks that differ", async () => {
    const names = ["clock_skew", "clickhouse_clock_skew"];
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok"]);
    const { sources } = health.context;
    sources.now = () => Date.now() - 5_000;
    expect(Object.values(await health.statuses(...names))).toEqual(["warning", "warning"]);
    sources.now = () => Date.now() + 60_000;
    expect(Object.values(await health.statuses(...names))).toEqual(["critical", "critical"]);
    sources.now = Date.now;
    expect(Object.values(await health.statuses(...names))).toEqual(["ok", "ok"]);
  });
});

describe("the analytics store", () => {
  /** One that waits longer than the health function's own. */
  let clickhouse: ClickHouse;
  beforeAll(() => {
    clickhouse = createClickHouse({ url: health.databases.clickhouseUrl, requestTimeoutMs: 120_000 });
  });
  afterAll(() => clickhouse.close());

  it("tells of parts that are not merged", async () => {
    expect(await status("clickhouse_parts")).toBe("ok");
    await clickhouse.command({ query: "create table split (n UInt64) engine = MergeTree order by n" });
    await clickhouse.command({ query: "system stop merges split" });
    await clickhouse.command({
      query: "insert into split select number from numbers(320)",
      clickhouse_settings: {
        max_block_size: "1",
        max_insert_block_size: "1",
        min_insert_block_size_rows: "1",
        min_insert_block_size_bytes: "1",
        parts_to_delay_insert: "0",
      },
    });
    expect(await health.check("clickhouse_parts")).toMatchObject({ status: "warning", value: 320 });
    await clickhouse.command({ query: "drop table split" });
    expect(await status("clickhouse_parts")).toBe("ok");
  });

  it("tells of a mutation that fails", async () => {
    expect(await status("clickhouse_mutations")).toBe("ok");
    await clickhouse.command({
      query: "create table stuck (n UInt64, m UInt64) engine = MergeTree order by n",
    });
    await clickhouse.command({ query: "insert into stuck values (1, 1)" });
    await clickhouse.command({
      query: "alter table stuck update m = throwIf(n = 1) where 1",
      clickhouse_settings: { mutations_sync: "0" },
    });
    await until(async () => (await status("clickhouse_mutations")) === "critical");
    await clickhouse.command({ query: "drop table stuck" });
    expect(await status("clickhouse_mutations")).toBe("ok");
  });

  it("tells of a day that cannot be added up although the server answers", async () => {
    await clickhouse.command({ query: "rename table executions to executions_away" });
    expect(await health.statuses("clickhouse_connection", "clickhouse_query")).toEqual({
      clickhouse_connection: "ok",
      clickhouse_query: "critical",
    });
    await clickhouse.command({ query: "rename table executions_away to executions" });
    expect(await status("clickhouse_query")).toBe("ok");
  });
});
