import { describe, expect, it } from "vitest";
import type { CheckResult, Status } from "../../../functions/health/check.ts";
import {
  analyticsConnection,
  analyticsDisk,
  analyticsInserts,
  analyticsQuery,
  analyticsTables,
} from "../../../functions/health/checks/analytics.ts";
import { certificates } from "../../../functions/health/checks/certificates.ts";
import { jobs } from "../../../functions/health/checks/jobs.ts";
import { judgeMigrations } from "../../../functions/health/checks/migrations.ts";
import { months } from "../../../functions/health/checks/months.ts";
import { pools } from "../../../functions/health/checks/pools.ts";
import { postgresConnection } from "../../../functions/health/checks/postgres-connection.ts";
import { deliveries, events, executions, relay } from "../../../functions/health/checks/queues.ts";
import { replication } from "../../../functions/health/checks/replication.ts";
import { secrets } from "../../../functions/health/checks/secrets.ts";
import { sessions } from "../../../functions/health/checks/sessions.ts";
import { statements } from "../../../functions/health/checks/statements.ts";
import { storage } from "../../../functions/health/checks/storage.ts";
import type { JobState } from "../../../shared/postgres/job-runs.ts";

const DAY_MS = 86_400_000;
const HOUR = 3_600;

/** The status of one check made of facts, and that it is complete: trouble says what to do. */
function statusOf(results: readonly CheckResult[], name: string): Status {
  const found = results.filter((result) => result.name === name);
  expect(found).toHaveLength(1);
  const [result] = found as [CheckResult];
  expect(result.message).toMatch(/\.$/);
  expect(result.next_step === null).toBe(result.status === "ok");
  expect(result.status === "unknown" && result.value !== null).toBe(false);
  return result.status;
}

const SESSIONS = {
  slots: 100,
  used: 10,
  active: 1,
  idle: 9,
  hidden: 0,
  longest_transaction: 0,
  longest_idle_in_transaction: 0,
  slow_queries: 0,
  slowest_query: 0,
  waiting_locks: 0,
  longest_lock_wait: 0,
};

describe("sessions", () => {
  it.each<[string, Partial<typeof SESSIONS>, Status]>([
    ["connection_slots", { used: 79 }, "ok"],
    ["connection_slots", { used: 80 }, "warning"],
    ["connection_slots", { used: 95 }, "critical"],
    ["active_connections", { active: 49 }, "ok"],
    ["active_connections", { active: 50 }, "warning"],
    ["active_connections", { active: 80 }, "critical"],
    ["long_transactions", { longest_transaction: 299 }, "ok"],
    ["long_transactions", { longest_transaction: 300 }, "warning"],
    ["long_transactions", { longest_idle_in_transaction: 3_600 }, "critical"],
    ["slow_queries", { slow_queries: 1 }, "warning"],
    ["slow_queries", { slow_queries: 10 }, "critical"],
    ["lock_waits", { longest_lock_wait: 4.9 }, "ok"],
    ["lock_waits", { longest_lock_wait: 5 }, "warning"],
    ["lock_waits", { longest_lock_wait: 60 }, "critical"],
    // What cannot be seen is not well, but the connections are still counted.
    ["connection_slots", { hidden: 1 }, "ok"],
    ["active_connections", { hidden: 1 }, "unknown"],
    ["long_transactions", { hidden: 1 }, "unknown"],
    ["slow_queries", { hidden: 1 }, "unknown"],
    ["lock_waits", { hidden: 1 }, "unknown"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(sessions.evaluate({ ...SESSIONS, ...facts }), name)).toBe(status);
  });
});

const STORAGE = {
  database_bytes: 1e9,
  largest_table: "command_executions" as string | null,
  largest_table_bytes: 5e8,
  bloated_table: null as string | null,
  bloat_percent: null as number | null,
  scanned_table: null as string | null,
  index_percent: null as number | null,
  blocks_hit: 99_000,
  blocks_read: 1_000,
  deadlocks: 7,
  samples: [{ metric: "deadlocks" as const, value: 7, age: 3_000 }] as {
    metric: "deadlocks" | "blocks_hit" | "blocks_read";
    value: number;
    age: number;
  }[],
  database_bytes_max: 100e9,
};

describe("storage", () => {
  it.each<[string, Partial<typeof STORAGE>, Status]>([
    ["database_size", { database_bytes: 79.9e9 }, "ok"],
    ["database_size", { database_bytes: 80e9 }, "warning"],
    ["database_size", { database_bytes: 100e9 }, "critical"],
    ["database_size", { database_bytes: 1e9, database_bytes_max: 1e9 }, "critical"],
    ["table_size", { largest_table_bytes: 60e9 }, "warning"],
    ["table_size", { largest_table_bytes: 90e9 }, "critical"],
    ["table_size", { largest_table: null, largest_table_bytes: 0 }, "ok"],
    ["table_bloat", {}, "ok"],
    ["table_bloat", { bloated_table: "events", bloat_percent: 19 }, "ok"],
    ["table_bloat", { bloated_table: "events", bloat_percent: 20 }, "warning"],
    ["table_bloat", { bloated_table: "events", bloat_percent: 50 }, "critical"],
    ["index_use", { scanned_table: "events", index_percent: 51 }, "ok"],
    ["index_use", { scanned_table: "events", index_percent: 50 }, "warning"],
    ["cache_hit_ratio", {}, "ok"],
    ["cache_hit_ratio", { blocks_hit: 90_000, blocks_read: 10_000 }, "warning"],
    ["cache_hit_ratio", { blocks_hit: 60_000, blocks_read: 40_000 }, "critical"],
    ["cache_hit_ratio", { blocks_hit: 1, blocks_read: 9 }, "ok"],
    // A good year does not hide a bad hour.
    [
      "cache_hit_ratio",
      {
        blocks_hit: 1_000_010_000,
        blocks_read: 50_000,
        samples: [
          { metric: "blocks_hit", value: 1_000_000_000, age: 3_000 },
          { metric: "blocks_read", value: 10_000, age: 3_000 },
        ],
      },
      "critical",
    ],
    ["deadlocks", {}, "ok"],
    ["deadlocks", { deadlocks: 8 }, "warning"],
    ["deadlocks", { deadlocks: 17 }, "critical"],
    ["deadlocks", { deadlocks: 1 }, "warning"], // The counter was set back: one since then.
    ["deadlocks", { samples: [] }, "unknown"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(storage.evaluate({ ...STORAGE, ...facts }), name)).toBe(status);
  });
});

const PRIMARY = {
  is_replica: false,
  own_lag: null as number | null,
  streaming: 1,
  replicas: 1,
  lag_seconds: 0.1 as number | null,
  lag_bytes: 0 as number | null,
  unshown_seconds: null as number | null,
  log_bytes: 1e6,
  idle_slots: 0,
  idle_slot_bytes: 0,
  expected: 1,
};

describe("replication", () => {
  it.each<[string, Partial<typeof PRIMARY>, Status]>([
    ["replication_lag", {}, "ok"],
    ["replication_lag", { lag_seconds: 10 }, "warning"],
    ["replication_lag", { lag_seconds: 30 }, "critical"],
    ["replication_lag", { lag_seconds: null }, "ok"],
    // It told of a small lag before it stopped to show anything.
    ["replication_lag", { lag_seconds: 0.1, lag_bytes: 9_000, unshown_seconds: 31 }, "critical"],
    ["replication_lag", { lag_seconds: null, lag_bytes: 9_000, unshown_seconds: 3 }, "ok"],
    ["replication_lag", { lag_seconds: null, lag_bytes: 9_000 }, "unknown"],
    ["replication_lag", { replicas: 0, streaming: 0, lag_seconds: null, lag_bytes: null }, "unknown"],
    ["replication_lag", { replicas: 0, streaming: 0, lag_seconds: null, lag_bytes: null, expected: 0 }, "ok"],
    ["replication_lag", { is_replica: true, own_lag: 31, expected: 0 }, "critical"],
    ["replication_lag", { is_replica: true, own_lag: null, expected: 0 }, "unknown"],
    ["replicas", {}, "ok"],
    ["replicas", { streaming: 0 }, "critical"],
    ["replicas", { idle_slots: 1, idle_slot_bytes: 5e9 }, "warning"],
    ["replicas", { expected: 2 }, "critical"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(replication.evaluate({ ...PRIMARY, ...facts }), name)).toBe(status);
  });
});

describe("queues", () => {
  it.each<[string, number, number, Status]>([
    ["relay_lag", 0, 179, "ok"],
    ["relay_lag", 0, 180, "warning"],
    ["relay_lag", 0, 900, "critical"],
    ["relay_backlog", 99_999, 0, "ok"],
    ["relay_backlog", 100_000, 0, "warning"],
    ["relay_backlog", 1_000_000, 0, "critical"],
  ])("%s with %i records of %i s is %s", (name, records, oldest, status) => {
    expect(statusOf(relay.evaluate({ records, oldest }), name)).toBe(status);
  });

  it.each<[number, number, Status, Status]>([
    [299, 0, "ok", "ok"],
    [300, 1, "warning", "warning"],
    [1_800, 100, "critical", "critical"],
  ])(
    "events and deliveries overdue for %i s with %i dead are %s and %s",
    (oldest, dead, overdue, letters) => {
      const facts = { overdue: 1, oldest, dead };
      const [ofEvents, ofDeliveries] = [events.evaluate(facts), deliveries.evaluate(facts)];
      expect(statusOf(ofEvents, "events_overdue")).toBe(overdue);
      expect(statusOf(ofEvents, "event_dead_letters")).toBe(letters);
      expect(statusOf(ofDeliveries, "deliveries_overdue")).toBe(overdue);
      expect(statusOf(ofDeliveries, "delivery_dead_letters")).toBe(letters);
    },
  );

  it.each<[number | null, boolean, Status]>([
    [60, false, "ok"],
    [3_600, false, "ok"],
    [6 * HOUR, false, "warning"],
    [null, false, "warning"],
    [null, true, "unknown"],
  ])("the last execution within %o s, of a ledger that is empty: %o, is %s", (within, is_empty, status) => {
    expect(statusOf(executions.evaluate({ within, is_empty }), "last_execution")).toBe(status);
  });
});

describe("jobs", () => {
  const SWEEP: JobState = {
    job: "events-sweep",
    last_outcome: "succeeded",
    last_duration_ms: 12,
    last_error_class: null,
    ended_age_seconds: 30,
    succeeded_age_seconds: 30,
    consecutive_failures: 0,
    runs: 9,
    failures: 0,
  };
  it.each<[string, Partial<JobState>, Status]>([
    ["in time", {}, "ok"],
    ["late", { succeeded_age_seconds: 300 }, "warning"],
    ["stuck", { succeeded_age_seconds: 1_800 }, "critical"],
    ["done in part", { last_outcome: "partial" }, "warning"],
    [
      "failed once",
      { last_outcome: "failed", consecutive_failures: 1, last_error_class: "ECONNREFUSED" },
      "warning",
    ],
    ["failed three times", { last_outcome: "failed", consecutive_failures: 3 }, "critical"],
    [
      "never succeeded",
      { last_outcome: "failed", succeeded_age_seconds: null, consecutive_failures: 1 },
      "warning",
    ],
  ])("a job that is %s is told so", (_, found, status) => {
    const results = jobs.evaluate({ jobs: [{ ...SWEEP, ...found }], installed_age_seconds: 9e6 });
    expect(statusOf(results, "job_events_sweep")).toBe(status);
  });

  it("does not take a job that has not run yet for one that is stuck, nor for one that is well", () => {
    const fresh = jobs.evaluate({ jobs: [], installed_age_seconds: 299 });
    expect(fresh.map(({ status }) => status)).toEqual(fresh.map(() => "unknown"));
    const later = jobs.evaluate({ jobs: [], installed_age_seconds: 300 });
    expect(statusOf(later, "job_events_sweep")).toBe("warning");
    expect(statusOf(later, "job_retention")).toBe("unknown");
    const late = jobs.evaluate({ jobs: [], installed_age_seconds: 30 * HOUR });
    expect(statusOf(late, "job_retention")).toBe("warning");
  });
});

describe("the schema", () => {
  it.each<[number[], Status]>([
    [[1, 2, 3], "ok"],
    [[1, 2], "critical"],
    [[1, 3], "critical"],
    [[], "critical"],
    [[1, 2, 3, 4], "warning"],
    [[1, 2, 4], "critical"],
  ])("with migrations %o where 1 to 3 are wanted is %s", (applied, status) => {
    const result = judgeMigrations("postgres_migrations", { applied, wanted: [1, 2, 3] });
    expect(statusOf([result], "postgres_migrations")).toBe(status);
  });

  it.each<[number | null, number, boolean, Status, Status]>([
    [3, 0, true, "ok", "ok"],
    [2, 0, true, "ok", "ok"],
    [1, 1, true, "warning", "warning"],
    [0, 0, true, "critical", "ok"],
    [0, 5, false, "unknown", "unknown"],
  ])(
    "with %o months ahead and %i made on demand, retention having run: %o, is %s and %s",
    (count, made, ran, ahead, onDemand) => {
      const results = months.evaluate({
        table: "events",
        months: count,
        made_on_demand: made,
        retention_has_run: ran,
      });
      expect(statusOf(results, "partitions_ahead")).toBe(ahead);
      expect(statusOf(results, "months_made_on_demand")).toBe(onDemand);
    },
  );
});

describe("keys and certificates", () => {
  const KEYS = {
    keys_within_week: 0,
    keys_within_day: 0,
    keys_just_ended: 0,
    first_end: null as number | null,
    sources_without_secret: 0,
  };
  it.each<[string, Partial<typeof KEYS>, Status]>([
    ["key_expiry", {}, "ok"],
    ["key_expiry", { first_end: 7.1 * 86_400 }, "ok"],
    ["key_expiry", { first_end: 7 * 86_400 }, "warning"],
    ["key_expiry", { first_end: 86_400 }, "critical"],
    ["key_expiry", { keys_just_ended: 1, first_end: 9e9 }, "critical"],
    ["source_secrets", {}, "ok"],
    ["source_secrets", { sources_without_secret: 1 }, "critical"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(secrets.evaluate({ ...KEYS, ...facts }), name)).toBe(status);
  });

  it.each<[(number | null)[], Status]>([
    [[], "ok"],
    [[90], "ok"],
    [[90, 21], "warning"],
    [[5, 90], "critical"],
    [[-1], "critical"],
    [[90, null], "unknown"],
    [[null, 90], "unknown"],
  ])("certificates that end in %o days are %s", (days, status) => {
    const found = days.map((end, at) => ({ name: `store ${at}`, end: end === null ? null : end * DAY_MS }));
    expect(statusOf(certificates.evaluate({ now: 0, certificates: found }), "certificate_expiry")).toBe(
      status,
    );
  });
});

describe("the stores themselves", () => {
  const CONNECTION = { milliseconds: 5, clock_ahead: 0, clock_uncertainty: 0.001 };
  it.each<[string, Partial<typeof CONNECTION>, Status]>([
    ["postgres_connection", { milliseconds: 249 }, "ok"],
    ["postgres_connection", { milliseconds: 250 }, "warning"],
    ["postgres_connection", { milliseconds: 1_000 }, "critical"],
    ["clock_skew", {}, "ok"],
    ["clock_skew", { clock_ahead: -2.1 }, "warning"],
    ["clock_skew", { clock_ahead: 31 }, "critical"],
    ["clock_skew", { clock_ahead: 3, clock_uncertainty: 2 }, "ok"],
    ["clock_skew", { clock_ahead: Number.NaN }, "unknown"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(postgresConnection.evaluate({ ...CONNECTION, ...facts }), name)).toBe(status);
  });

  it.each<[string, Partial<typeof CONNECTION>, Status]>([
    ["clickhouse_connection", { milliseconds: 499 }, "ok"],
    ["clickhouse_connection", { milliseconds: 500 }, "warning"],
    ["clickhouse_connection", { milliseconds: 1_200 }, "critical"],
    ["clickhouse_clock_skew", { clock_ahead: 2.1 }, "warning"],
    ["clickhouse_clock_skew", { clock_ahead: -31 }, "critical"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(analyticsConnection.evaluate({ ...CONNECTION, ...facts }), name)).toBe(status);
  });

  it.each<[number, Status]>([
    [499, "ok"],
    [500, "warning"],
    [1_200, "critical"],
  ])("a day added up within %i ms is %s", (milliseconds, status) => {
    expect(statusOf(analyticsQuery.evaluate({ milliseconds }), "clickhouse_query")).toBe(status);
  });

  it("tells that a store is away, and does not judge its clock", () => {
    const [connection, clock] = postgresConnection.failed?.("ECONNREFUSED") ?? [];
    expect([connection?.status, clock?.status]).toEqual(["critical", "unknown"]);
    const analytics = analyticsConnection.failed?.("ECONNREFUSED") ?? [];
    expect(analytics.map(({ status }) => status)).toEqual(["critical", "unknown"]);
  });

  const TABLES = {
    parts: 3,
    parts_table: "executions",
    merges: 0,
    longest_merge: 0,
    mutations: 0,
    failing_mutations: 0,
    oldest_mutation: 0,
  };
  it.each<[string, Partial<typeof TABLES>, Status]>([
    ["clickhouse_parts", { parts: 299 }, "ok"],
    ["clickhouse_parts", { parts: 300 }, "warning"],
    ["clickhouse_parts", { parts: 1_000 }, "critical"],
    ["clickhouse_merges", { longest_merge: 600 }, "warning"],
    ["clickhouse_merges", { longest_merge: 3_600 }, "critical"],
    ["clickhouse_mutations", { mutations: 1, oldest_mutation: 599 }, "ok"],
    ["clickhouse_mutations", { mutations: 1, oldest_mutation: 600 }, "warning"],
    ["clickhouse_mutations", { mutations: 2, failing_mutations: 1, oldest_mutation: 1 }, "critical"],
  ])("%s with %o is %s", (name, facts, status) => {
    expect(statusOf(analyticsTables.evaluate({ ...TABLES, ...facts }), name)).toBe(status);
  });

  it.each<[number | null, Status]>([
    [16, "ok"],
    [15, "warning"],
    [5, "critical"],
    [null, "ok"],
  ])("a disk with %o %% left is %s", (free, status) => {
    const disk = free === null ? null : { name: "default", free_bytes: free, total_bytes: 100 };
    expect(statusOf(analyticsDisk.evaluate(disk), "clickhouse_disk")).toBe(status);
  });

  it.each<[number | null, Status]>([
    [null, "ok"],
    [0, "ok"],
    [1, "warning"],
    [100, "critical"],
  ])("%o failed asynchronous inserts are %s", (errors, status) => {
    expect(statusOf(analyticsInserts.evaluate(errors), "clickhouse_insert_errors")).toBe(status);
  });

  it.each<[boolean, number, Status]>([
    [false, 0, "ok"],
    [true, 0, "ok"],
    [true, 1, "warning"],
    [true, 10, "critical"],
  ])("statement statistics that are there: %o, with %i slow ones, are %s", (is_installed, slow, status) => {
    const results = statements.evaluate({ is_installed, slow, slowest_mean_ms: slow === 0 ? null : 2_000 });
    expect(statusOf(results, "statement_statistics")).toBe(status);
  });
});

describe("pools", () => {
  const POOL = { name: "netra-ingest", max: 10, total: 10, active: 0, waiting: 0, errors: 0 };
  it.each<[number, number, Status, Status]>([
    [7, 0, "ok", "ok"],
    [8, 0, "warning", "ok"],
    [10, 1, "critical", "warning"],
    [10, 20, "critical", "critical"],
  ])("with %i of 10 connections lent and %i waiting are %s and %s", (active, waiting, use, waiters) => {
    const results = pools.evaluate([
      { ...POOL, name: "netra-webhooks" },
      { ...POOL, active, waiting },
    ]);
    expect(statusOf(results, "pool_utilization")).toBe(use);
    expect(statusOf(results, "pool_waiters")).toBe(waiters);
  });

  it("leaves out who waits for a connection that is just being opened", () => {
    expect(statusOf(pools.evaluate([{ ...POOL, total: 1, active: 1, waiting: 3 }]), "pool_waiters")).toBe(
      "ok",
    );
  });
});
