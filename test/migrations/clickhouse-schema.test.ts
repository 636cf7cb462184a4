import { randomUUID } from "node:crypto";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { CLICKHOUSE_MIGRATIONS, migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { fillTemplate } from "../../migrations/clickhouse-template.ts";
import { readMigrationFiles, splitStatements } from "../../migrations/migration-files.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { insertLines } from "../../shared/clickhouse/insert-lines.ts";
import { openEmptyClickHouse, openEmptyPostgres } from "./empty-databases.ts";

async function openMigrated() {
  const { databaseUrl } = await openEmptyPostgres();
  const clickhouse = openEmptyClickHouse();
  await migrateClickHouse({ databaseUrl, clickhouseUrl: clickhouse.clickhouseUrl, direction: "up" });
  return { ...clickhouse, databaseUrl };
}

/** One line of the analytics copy, as the relay sends it. */
function makeLine(partial: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    organization_id: "11111111-1111-4111-8111-111111111111",
    id: randomUUID(),
    timestamp: new Date(Date.now() - 3_600_000).toISOString(),
    user_id: "22222222-2222-4222-8222-222222222222",
    source: "client",
    status: "completed",
    command_base: "/build",
    model: "claude-opus-4-5",
    input_tokens: 10,
    total_tokens: 15,
    execution_time_ms: 1_000,
    cost_usd: "0.000000000001",
    cost_basis: "computed",
    ...partial,
  });
}

/** One event with these metrics, as parallel lists. */
function makeEvent(names: string[], values: number[], units: string[]): Record<string, unknown> {
  return {
    organization_id: "11111111-1111-4111-8111-111111111111",
    workload_id: "w",
    event_type: "metric",
    "metrics.name": names,
    "metrics.value": values,
    "metrics.unit": units,
  };
}

const TOTALS = {
  executions: "select count() as n, sum(input_tokens) as tokens, sum(cost_usd) as cost from executions",
  hourly:
    "select sum(executions) as n, sum(input_tokens) as tokens, sum(cost_usd) as cost from executions_hourly",
};

describe("the ClickHouse schema", () => {
  it("goes up, down to nothing and up again to the same tables, without naming its database", async () => {
    const { databaseUrl, clickhouseUrl, rows } = await openMigrated();
    const tables = () =>
      rows<{ name: string }>(
        "select name, create_table_query from system.tables where database = currentDatabase() order by name",
      );
    const first = await tables();

    await migrateClickHouse({ databaseUrl, clickhouseUrl, direction: "down", count: 100 });
    expect((await tables()).map((table) => table.name)).toEqual(["schema_migrations"]);
    await migrateClickHouse({ databaseUrl, clickhouseUrl, direction: "up" });

    expect(await tables()).toEqual(first);
    expect(first.map((table) => table.name)).toEqual(
      expect.arrayContaining([
        "aggregated_metrics",
        "executions",
        "recent_workloads",
        "user_activity",
        "workload_events",
      ]),
    );
  });

  it("leads every sorting key with the organization", async () => {
    const { rows } = await openMigrated();

    const keys = await rows<{ name: string; sorting_key: string }>(`
      select name, sorting_key from system.tables
      where database = currentDatabase() and sorting_key != '' and name != 'schema_migrations' and not startsWith(name, '.inner')`);

    expect(keys.length).toBeGreaterThanOrEqual(5);
    expect(keys.filter((key) => !key.sorting_key.startsWith("organization_id"))).toEqual([]);
  });

  it("counts a batch sent three times once, in the table and in everything derived from it", async () => {
    const { client, rows } = await openMigrated();
    // Two months, so that the batch becomes several blocks.
    const lines = [
      makeLine(),
      makeLine(),
      makeLine({ timestamp: new Date(Date.now() - 40 * 86_400_000).toISOString() }),
    ];

    for (let attempt = 0; attempt < 3; attempt += 1) {
      await insertLines(client, { table: "executions", lines, deduplicationToken: "batch-1" });
    }

    const once = [{ n: "3", tokens: "30", cost: "0.000000000003" }];
    expect(await rows(TOTALS.executions)).toEqual(once);
    expect(await rows(TOTALS.hourly)).toEqual(once);
    expect(await rows("select sum(count) as n, sum(total_duration_ms) as ms from user_activity")).toEqual([
      { n: "3", ms: "3000" },
    ]);
  });

  it("counts two batches under two tokens twice", async () => {
    const { client, rows } = await openMigrated();

    await insertLines(client, { table: "executions", lines: [makeLine()], deduplicationToken: "batch-1" });
    await insertLines(client, { table: "executions", lines: [makeLine()], deduplicationToken: "batch-2" });

    expect(await rows(TOTALS.hourly)).toEqual([{ n: "2", tokens: "20", cost: "0.000000000002" }]);
  });

  it("still knows a batch after a hundred others", async () => {
    const { client, rows } = await openMigrated();
    const first = [makeLine()];
    await insertLines(client, { table: "executions", lines: first, deduplicationToken: "first" });
    for (let batch = 0; batch < 100; batch += 1) {
      await insertLines(client, {
        table: "executions",
        lines: [makeLine()],
        deduplicationToken: `batch-${batch}`,
      });
    }

    await insertLines(client, { table: "executions", lines: first, deduplicationToken: "first" });

    expect(await rows(TOTALS.hourly)).toMatchObject([{ n: "101" }]);
    expect(await rows(TOTALS.executions)).toMatchObject([{ n: "101" }]);
  });

  it("adds up money and tokens exactly, and keeps unknown apart from zero", async () => {
    const { client, rows } = await openMigrated();
    await insertLines(client, {
      table: "executions",
      lines: [
        makeLine({ cost_usd: "12345678.000000000001", input_tokens: 9_007_199_254_740_991 }),
        makeLine({ cost_usd: "0.000000000002", input_tokens: 2 }),
        makeLine({
          model: null,
          cost_usd: null,
          cost_basis: "unpriced",
          input_tokens: null,
          command_base: "/idle",
        }),
      ],
      deduplicationToken: "batch-1",
    });

    const exact = { n: "3", tokens: "9007199254740993", cost: "12345678.000000000003" };
    expect(await rows(TOTALS.executions)).toEqual([exact]);
    expect(await rows(TOTALS.hourly)).toEqual([exact]);
    expect(
      await rows(
        "select model, input_tokens, cost_usd, unpriced from executions_hourly where command_base = '/idle'",
      ),
    ).toEqual([{ model: "", input_tokens: null, cost_usd: null, unpriced: "1" }]);
  });

  it("takes a batch of executions of more months than the server takes by default", async () => {
    const { client, rows } = await openMigrated();
    const lines = Array.from({ length: 110 }, (_, month) =>
      makeLine({ timestamp: new Date(Date.now() - month * 31 * 86_400_000).toISOString() }),
    );

    await insertLines(client, { table: "executions", lines, deduplicationToken: "history" });

    expect(await rows(TOTALS.executions)).toMatchObject([{ n: "110" }]);
    expect(await rows(TOTALS.hourly)).toMatchObject([{ n: "110" }]);
  });

  it("aggregates every metric of an event, by unit, and never adds up averages", async () => {
    const { client, rows } = await openMigrated();
    const insert = (value: object) =>
      client.insert({ table: "workload_events", values: [value], format: "JSONEachRow" });
    await insert(makeEvent(["latency", "size"], [10, 1], ["ms", "kB"]));
    await insert(makeEvent(["latency", "latency"], [20, 3], ["ms", "s"]));
    await insert(makeEvent(["latency"], [60], ["ms"]));

    expect(
      await rows(`
        select metric_name, unit, user_id, sum(total_value) as total, sum(event_count) as events, min(min_value) as least,
          max(max_value) as most, sum(total_value) / sum(event_count) as mean
        from aggregated_metrics group by metric_name, unit, user_id order by metric_name, unit`),
    ).toEqual([
      {
        metric_name: "latency",
        unit: "ms",
        user_id: null,
        total: 90,
        events: "3",
        least: 10,
        most: 60,
        mean: 30,
      },
      { metric_name: "latency", unit: "s", user_id: null, total: 3, events: "1", least: 3, most: 3, mean: 3 },
      { metric_name: "size", unit: "kB", user_id: null, total: 1, events: "1", least: 1, most: 1, mean: 1 },
    ]);
    expect(await rows("select workload_id, event_count from recent_workloads")).toEqual([
      { workload_id: "w", event_count: "3" },
    ]);
  });

  it("derives what it adds up with the rights of who migrated, which no row policy of who inserts takes away", async () => {
    const { rows } = await openMigrated();
    const views = await rows<{ name: string; create_table_query: string }>(
      "select name, create_table_query from system.tables where database = currentDatabase() and engine = 'MaterializedView'",
    );

    expect(views.length).toBeGreaterThan(0);
    for (const { create_table_query: definition } of views) {
      expect(definition).toMatch(
        /^CREATE MATERIALIZED VIEW .* DEFINER = `?\w+`? SQL SECURITY DEFINER AS SELECT/,
      );
    }
  });

  it("keeps the costs and times of an insert in order, of which percentiles are found sooner", async () => {
    const { client, rows } = await openMigrated();
    const timestamp = new Date(Date.now() - 3_600_000).toISOString();
    const lines = ["0.3", "0.1", "0.2"].map((cost_usd, at) =>
      makeLine({ timestamp, cost_usd, execution_time_ms: 30 - at }),
    );

    await insertLines(client, { table: "executions", lines, deduplicationToken: "batch-1" });

    expect(await rows("select costs, times from execution_totals where dimension = 'model'")).toEqual([
      { costs: ["100000000000", "200000000000", "300000000000"], times: ["28", "29", "30"] },
    ]);
  });

  it("hashes the names of what it adds up, also of what was there before", async () => {
    const { client, rows, databaseUrl, clickhouseUrl } = await openMigrated();
    const insert = (session_id: string | null) =>
      insertLines(client, {
        table: "executions",
        lines: [makeLine({ session_id })],
        deduplicationToken: String(session_id),
      });
    await migrateClickHouse({ databaseUrl, clickhouseUrl, direction: "down", count: 1 });
    await insert("before");
    await migrateClickHouse({ databaseUrl, clickhouseUrl, direction: "up" });
    await insert("after");
    await insert(null);

    expect(
      await rows(
        "select key, key_hash from execution_totals where dimension = 'session' order by key nulls last",
      ),
    ).toEqual([
      { key: "after", key_hash: "4157335018154718217" },
      { key: "before", key_hash: "828973574284523849" },
      { key: null, key_hash: "0" },
    ]);
  });

  it("is written in statements the engine can read, also those for clusters and access control", async () => {
    const client = createClickHouse({ url: inject("testStack").clickhouseUrl });
    onTestFinished(() => client.close());
    for (const file of await readMigrationFiles(CLICKHOUSE_MIGRATIONS)) {
      for (const { fileName, text } of [file.up, file.down]) {
        for (const statement of splitStatements(text)) {
          for (const cluster of [undefined, "main"]) {
            const sql = fillTemplate(statement.sql, { database: "analytics", cluster }, fileName);
            await expect(
              client.command({ query: `explain ast ${sql}` }),
              `${fileName}:${statement.line}`,
            ).resolves.toBeDefined();
          }
        }
      }
    }
  });

  it("refuses a field the table does not have and a null it cannot hold, and stores nothing of that batch", async () => {
    const { client, rows } = await openMigrated();
    const insert = (line: string) =>
      insertLines(client, {
        table: "executions",
        lines: [makeLine(), line],
        deduplicationToken: randomUUID(),
      });

    await expect(insert(makeLine({ commandBase: "/build" }))).rejects.toThrow(/commandBase/);
    await expect(insert(makeLine({ status: null }))).rejects.toThrow(/status/);

    expect(await rows(TOTALS.executions)).toMatchObject([{ n: "0" }]);
    expect(await rows(TOTALS.hourly)).toMatchObject([{ n: "0" }]);
  });
});
