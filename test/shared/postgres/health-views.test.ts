import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPool, type Pool, withOrganization, withSystemRole } from "../../../shared/postgres/pool.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { makeRow } from "../../helpers/make-row.ts";
import { asOwner, createTenant, type Tenant } from "../../helpers/tenant.ts";
import { addRows } from "../../functions/patterns/ledger.ts";

const VIEWS = [
  "system_health",
  "database_health_summary",
  "data_quality_metrics",
  "data_integrity_checks",
  "critical_alerts",
  "slow_query_analysis",
  "index_usage_analysis",
  "table_access_patterns",
  "performance_optimization_recommendations",
  "database_resource_utilization",
  "maintenance_recommendations",
  "executions_performance_analysis",
  "events_performance_analysis",
  "deliveries_performance_analysis",
  "analytics_performance_analysis",
  "patterns_performance_analysis",
  "jobs_performance_analysis",
];
const OF_HEALTH = VIEWS.filter((view) => view !== "maintenance_recommendations");

let databases: TestDatabases;
let pool: Pool;
let tenant: Tenant;
beforeAll(async () => {
  databases = await createDatabases();
  tenant = await createTenant(databases.adminDatabaseUrl);
  pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 2,
    applicationName: "test",
    log: () => undefined,
  });
});
afterAll(async () => {
  await pool?.end();
  await databases?.close();
});

async function rows<Row extends Record<string, unknown>>(text: string): Promise<Row[]> {
  return withSystemRole(pool, async (sql) => (await sql.query<Row>(text)).rows);
}
async function owner(...statements: string[]): Promise<void> {
  await asOwner(databases.adminDatabaseUrl, async (sql) => {
    for (const statement of statements) await sql.query(statement);
  });
}

describe("the monitoring views", () => {
  it.each(VIEWS)("%s can be read in an empty database", async (view) => {
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      expect((await sql.query(`select * from ${view}`)).rows).toBeInstanceOf(Array);
    });
  });

  it.each(OF_HEALTH)("%s is for the system jobs and for no tenant", async (view) => {
    expect(await rows(`select * from ${view}`)).toBeInstanceOf(Array);
    await expect(
      withOrganization(pool, tenant.organizationId, (sql) => sql.query(`select * from ${view}`)),
    ).rejects.toThrow("permission denied");
  });

  it("sum up the database and what it uses", async () => {
    const [summary] = await rows("select * from database_health_summary");
    expect(summary).toMatchObject({ is_replica: false });
    expect(Number(summary?.["size_bytes"])).toBeGreaterThan(1e6);
    expect(Number(summary?.["connections_used"])).toBeGreaterThan(0);
    expect(Number(summary?.["cache_hit_percent"])).toBeGreaterThan(0);
    const used = await rows<{ resource: string; used: string; used_percent: string | null }>(
      "select * from database_resource_utilization",
    );
    const connections = used.find(({ resource }) => resource === "connections");
    expect(Number(connections?.used_percent)).toBeGreaterThan(0);
    expect(Number(connections?.used_percent)).toBeLessThanOrEqual(100);
    expect(new Set(used.map(({ resource }) => resource)).size).toBe(used.length);
  });

  it("name tables read without an index, dead rows and indexes nobody reads, and what to do", async () => {
    await owner(
      "create table crowded (n integer, m integer) with (autovacuum_enabled = off)",
      "insert into crowded select n, n from generate_series(1, 300000) n",
      "create index idx_crowded_m on crowded (m)",
      "create index idx_crowded_n on crowded (n)",
    );
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      await sql.query(
        "set enable_indexscan = off; set enable_bitmapscan = off; set enable_indexonlyscan = off",
      );
      for (let read = 0; read < 12; read += 1) await sql.query("select count(*) from crowded where n = 3");
      await sql.query("select pg_stat_force_next_flush()");
    });
    const [table] = await rows("select * from table_access_patterns where table_name = 'crowded'");
    expect(table?.["recommendation"]).toContain("Consider adding indexes");
    const [index] = await rows("select * from index_usage_analysis where index_name = 'idx_crowded_m'");
    expect(index).toMatchObject({ usage_status: "unused", is_unique: false });
    expect(
      await rows("select * from index_usage_analysis where index_name = 'organizations_pkey'"),
    ).toMatchObject([{ is_unique: true }]);
    await owner("update pg_index set indisvalid = false where indexrelid = 'idx_crowded_n'::regclass");
    const advice = await rows<{ category: string; subject: string; priority: string }>(
      "select * from performance_optimization_recommendations where category = 'indexing'",
    );
    expect(advice).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ subject: "crowded", priority: "medium" }),
        expect.objectContaining({ subject: "idx_crowded_n", priority: "high" }),
      ]),
    );
    const integrity = await rows("select * from data_integrity_checks where check_name = 'invalid indexes'");
    expect(integrity).toMatchObject([{ status: "fail", detail: "idx_crowded_n" }]);
    await owner("drop table crowded");
    expect(await rows("select * from data_integrity_checks where status = 'fail'")).toEqual([]);
  });

  it("count what is incomplete, of what there is", async () => {
    const now = Date.now();
    await addRows(pool, tenant.organizationId, [
      makeRow({ timestamp: now }),
      makeRow({ timestamp: now, cost_usd: null, cost_basis: "unpriced", model_version: null }),
      makeRow({ timestamp: now - 2 * 86_400_000, status: "pending" }),
      makeRow({ timestamp: now + 3_600_000 }),
    ]);
    const quality = await rows<{ metric: string; issue_count: number; total: number; issue_percent: string }>(
      "select * from data_quality_metrics where subject = 'command_executions'",
    );
    const of = (metric: string) => quality.find((one) => one.metric === metric);
    expect(of("without a price")).toMatchObject({ issue_count: 1, total: 3, issue_percent: "33.33" });
    expect(of("without a model")).toMatchObject({ issue_count: 1, total: 3 });
    expect(of("pending for more than a day")).toMatchObject({
      issue_count: 1,
      total: 4,
      issue_percent: "25.00",
    });
    expect(of("dated in the future")).toMatchObject({ issue_count: 1, total: 4 });
    const empty = await rows("select * from data_quality_metrics where subject = 'events'");
    expect(empty.map(({ issue_percent }) => issue_percent)).toEqual([null, null, null]);
    const [performance] = await rows("select * from executions_performance_analysis");
    expect(performance).toMatchObject({ command_base: "/review", executions: 3, failed: 0 });
    expect(performance?.["median_ms"]).toBe(1_000);
    expect(await rows("select * from analytics_performance_analysis")).toMatchObject([
      { kind: "executions", records: 3 },
    ]);
  });

  it("tell what does not fit together", async () => {
    await owner(
      `insert into daily_command_stats (organization_id, day, command_base, execution_count, failed_count, timeout_count,
         unpriced_count) values (gen_random_uuid(), current_date, 'x', 1, 0, 0, 0)`,
      `update analytics_outbox set batch = 1, created_at = now() - interval '2 days'`,
    );
    const failed = await rows<{ check_name: string }>(
      "select check_name, issue_count from data_integrity_checks where status = 'fail' order by 1",
    );
    expect(failed.map(({ check_name }) => check_name)).toEqual([
      "daily statistics of organizations that are not there",
      "days whose roll-ups and statistics differ",
      "sealed batches left for more than a day",
    ]);
    const health = await rows<{ component: string; status: string }>("select * from system_health");
    expect(health.find(({ component }) => component === "relay lag")?.status).toBe("critical");
    expect(health.find(({ component }) => component === "connections")?.status).toBe("ok");
    await owner("delete from daily_command_stats", "delete from analytics_outbox");
    expect(await rows("select * from data_integrity_checks where status = 'fail'")).toEqual([]);
  });
});
