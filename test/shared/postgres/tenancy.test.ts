import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLog } from "../../../shared/log.ts";
import {
  completeExecutions,
  ensurePartition,
  insertExecutions,
} from "../../../shared/postgres/command-executions.ts";
import { createPool, type Pool, withOrganization, withSystemRole } from "../../../shared/postgres/pool.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { makeRow } from "../../helpers/make-row.ts";
import { asOwner, createTenant, type Tenant } from "../../helpers/tenant.ts";

/** What this file guards: the login of the functions sees one organization's rows, or none. */
const TENANT_TABLES = [
  "organizations",
  "users",
  "api_keys",
  "audit_logs",
  "command_executions",
  "ingest_keys",
  "analytics_outbox",
  "command_patterns",
];

let databases: TestDatabases;
let pool: Pool;
let ours: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  databases = await createDatabases();
  const log = createLog("test", () => undefined);
  pool = createPool({ databaseUrl: databases.databaseUrl, connectionsMax: 4, applicationName: "test", log });
  [ours, theirs] = [
    await createTenant(databases.adminDatabaseUrl),
    await createTenant(databases.adminDatabaseUrl),
  ];
  await ensurePartition(pool, Date.parse("2026-11-10T12:00:00Z"));
  for (const tenant of [ours, theirs]) {
    await insertExecutions(pool, tenant.organizationId, [
      makeRow(),
      makeRow({ status: "pending", cost_usd: null, cost_basis: null }),
    ]);
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      const values = [tenant.organizationId];
      await sql.query("insert into audit_logs (organization_id, action) values ($1, 'test')", values);
      await sql.query(
        "insert into command_patterns (organization_id, pattern_signature, command_base) values ($1, 'p', '/review')",
        values,
      );
    });
  }
  await withSystemRole(pool, (sql) => sql.query("select refresh_daily_command_stats()"));
});
afterAll(async () => {
  await pool.end();
  await databases.close();
});

async function countAsFunction(table: string, organizationId: string | null): Promise<number> {
  const text = `select count(*)::int as count from ${table}`;
  const count = async (sql: Pick<Pool, "query">): Promise<number> =>
    (await sql.query<{ count: number }>(text)).rows[0]?.count ?? -1;
  return organizationId === null
    ? count(pool)
    : withOrganization(pool, organizationId, (sql) => count(sql as Pool));
}

describe("row-level security", () => {
  it("is on for every table that has an organization, partitions included", async () => {
    const text = `select c.relname as name from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
      where c.relkind in ('r', 'p') and not c.relispartition and not c.relrowsecurity and c.relnamespace = 'public'::regnamespace`;
    const open = await asOwner(databases.adminDatabaseUrl, (sql) => sql.query<{ name: string }>(text));
    expect(open.rows).toEqual([]);
  });

  const READABLE = TENANT_TABLES.filter(
    (table) => table !== "analytics_outbox" && table !== "users" && table !== "api_keys",
  );

  it.each(READABLE)("shows nothing of %s when no organization is set", async (table) => {
    expect(await countAsFunction(table, null)).toBe(0);
  });

  // The functions may read some columns of these or only add to them, so what is counted is not all columns.
  it.each(["users", "api_keys", "analytics_outbox"])(
    "shows nothing of %s when no organization is set",
    async (table) => {
      const stored = await asOwner(databases.adminDatabaseUrl, (sql) =>
        sql.query(`select organization_id from ${table}`),
      );
      expect(stored.rows.length).toBeGreaterThan(0);
      const seen = await pool.query(`select organization_id from ${table}`);
      expect(seen.rows).toEqual([]);
    },
  );

  it.each(READABLE)("shows one organization nothing of another's %s", async (table) => {
    const own = await countAsFunction(table, ours.organizationId);
    expect(own).toBeGreaterThan(0);
    const key = table === "organizations" ? "id" : "organization_id";
    const foreign = await withOrganization(pool, ours.organizationId, (sql) =>
      sql.query(`select 1 from ${table} where ${key} <> $1`, [ours.organizationId]),
    );
    expect(foreign.rows).toEqual([]);
  });

  it("shows users and keys of one organization only, and never a hash", async () => {
    for (const table of ["users", "api_keys"]) {
      const seen = await withOrganization(pool, ours.organizationId, (sql) =>
        sql.query<{ organization_id: string }>(`select organization_id from ${table}`),
      );
      expect(seen.rows.map((row) => row.organization_id)).toEqual(seen.rows.map(() => ours.organizationId));
      expect(seen.rows.length).toBeGreaterThan(0);
    }
    for (const column of ["users.password_hash", "api_keys.key_hash"]) {
      const [table, name] = column.split(".");
      const reading = withOrganization(pool, ours.organizationId, (sql) =>
        sql.query(`select ${name} from ${table}`),
      );
      await expect(reading).rejects.toMatchObject({ code: "42501" });
    }
  });

  it("keeps the daily statistics apart", async () => {
    const rows = await withOrganization(pool, ours.organizationId, (sql) =>
      sql.query<{ organization_id: string; execution_count: number }>(
        "select * from organization_daily_command_stats",
      ),
    );
    expect(rows.rows).toMatchObject([{ organization_id: ours.organizationId, execution_count: 1 }]);
    await expect(pool.query("select * from daily_command_stats")).rejects.toMatchObject({ code: "42501" });
  });

  it("refuses to write into another organization", async () => {
    const writing = withOrganization(pool, ours.organizationId, (sql) =>
      sql.query("insert into audit_logs (organization_id, action) values ($1, 'forged')", [
        theirs.organizationId,
      ]),
    );
    await expect(writing).rejects.toMatchObject({ code: "42501" });
  });

  it("does not complete another organization's pending execution", async () => {
    const row = makeRow({ status: "pending", cost_usd: null, cost_basis: null });
    await insertExecutions(pool, theirs.organizationId, [row]);
    const completed = await withOrganization(pool, ours.organizationId, (sql) =>
      completeExecutions(sql, ours.organizationId, [{ ...row, status: "completed" }]),
    );
    expect(completed).toEqual([]);
  });

  it("leaves no organization set on the connection after a write", async () => {
    const single = createPool({
      databaseUrl: databases.databaseUrl,
      connectionsMax: 1,
      applicationName: "test",
      log: createLog("test", () => undefined),
    });
    try {
      await insertExecutions(single, ours.organizationId, [makeRow()]);
      const { rows } = await single.query<{ organization: string | null }>(
        "select current_organization_id() as organization",
      );
      expect(rows).toEqual([{ organization: null }]);
    } finally {
      await single.end();
    }
  });

  it("hides partitions from a direct look", async () => {
    await expect(pool.query("select 1 from command_executions_2026_11")).rejects.toMatchObject({
      code: "42501",
    });
  });
});

describe("the system role", () => {
  it("sees every organization's executions, but only within its own transaction", async () => {
    const text = "select count(distinct organization_id)::int as count from command_executions";
    const seen = await withSystemRole(pool, (sql) => sql.query<{ count: number }>(text));
    expect(seen.rows[0]?.count).toBe(2);
    expect(await countAsFunction("command_executions", null)).toBe(0);
  });

  it("may not write executions", async () => {
    const writing = withSystemRole(pool, (sql) =>
      sql.query("update command_executions set status = 'failed'"),
    );
    await expect(writing).rejects.toMatchObject({ code: "42501" });
  });
});

describe("partitions", () => {
  it("are made once however many ask at the same time", async () => {
    await Promise.all(
      Array.from({ length: 8 }, () => ensurePartition(pool, Date.parse("2025-07-04T00:00:00Z"))),
    );
    const text = "select count(*)::int as count from pg_class where relname = 'command_executions_2025_07'";
    const { rows } = await asOwner(databases.adminDatabaseUrl, (sql) => sql.query<{ count: number }>(text));
    expect(rows[0]?.count).toBe(1);
  });

  it("are not made outside of the stated bounds", async () => {
    await expect(ensurePartition(pool, Date.parse("1999-12-31T23:59:59Z"))).rejects.toMatchObject({
      code: "22008",
    });
    await expect(ensurePartition(pool, Date.parse("2999-01-01T00:00:00Z"))).rejects.toMatchObject({
      code: "22008",
    });
  });
});
