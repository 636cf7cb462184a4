import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { hasAccessControl } from "../../../migrations/clickhouse-server.ts";
import { type ClickHouse, createClickHouse } from "../../../shared/clickhouse/client.ts";
import { insertLines } from "../../../shared/clickhouse/insert-lines.ts";
import { queryForOrganization } from "../../../shared/clickhouse/organization-query.ts";
import { isRestricted, listAnalyticsTenantTables } from "../../../shared/clickhouse/retention.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { databaseAddress } from "../../helpers/test-stack.ts";

/** What this file guards: on a server with access control, a login with the role netra_app sees one organization at most. */
const server = createClickHouse({ url: inject("testStack").clickhouseUrl });
const withAccessControl = await hasAccessControl(server);
await server.close();

const ALPHA = randomUUID();
const BETA = randomUUID();

async function countIn(client: ClickHouse, table: string): Promise<number> {
  const result = await client.query({ query: `select count() as n from ${table}`, format: "JSONEachRow" });
  const [row] = await result.json<{ n: string }>();
  return Number(row?.n);
}

describe.skipIf(!withAccessControl)("row policies (skipped on a server without access control)", () => {
  const login = { user: `netra_test_${randomBytes(5).toString("hex")}`, password: randomUUID() };
  let databases: TestDatabases;
  let admin: ClickHouse;
  let application: ClickHouse;

  beforeAll(async () => {
    databases = await createDatabases();
    admin = createClickHouse({ url: databases.clickhouseUrl });
    await admin.command({ query: `create user ${login.user} identified by '${login.password}'` });
    await admin.command({ query: `grant netra_app to ${login.user}` });
    const name = new URL(databases.clickhouseUrl).pathname.slice(1);
    application = createClickHouse({ url: databaseAddress(databases.clickhouseUrl, name, login) });
  });

  afterAll(async () => {
    await application.close();
    await admin.command({ query: `drop user if exists ${login.user}` });
    await admin.close();
    await databases.close();
  });

  it("cover every table with an organization in it", async () => {
    const result = await admin.query({
      query:
        "select distinct table from system.row_policies where database = currentDatabase() order by table",
      format: "JSONEachRow",
    });
    const covered = (await result.json<{ table: string }>()).map(({ table }) => table);

    expect(covered.length).toBeGreaterThan(0);
    expect(covered).toEqual(await listAnalyticsTenantTables(admin));
  });

  it("let the application write for every organization and see the one it names, and none without a name", async () => {
    const lines = [ALPHA, BETA, BETA].map((organization) =>
      JSON.stringify({
        organization_id: organization,
        id: randomUUID(),
        timestamp: "2026-11-10 12:00:00.000",
        source: "client",
        status: "completed",
        command_base: "/review",
      }),
    );
    await insertLines(application, { table: "executions", lines, deduplicationToken: randomUUID() });
    const seenOf = (organization: string): Promise<unknown[]> =>
      queryForOrganization(application, organization, {
        query: `select count() as n, uniqExact(organization_id) as organizations from executions
          where organization_id = {organization_id:UUID} or 1 = 1`,
      });

    expect(await seenOf(ALPHA)).toEqual([{ n: "1", organizations: "1" }]);
    expect(await seenOf(BETA)).toEqual([{ n: "2", organizations: "1" }]);
    expect(await seenOf(randomUUID())).toEqual([{ n: "0", organizations: "0" }]);
    const tables = await listAnalyticsTenantTables(admin);
    const seen = await Promise.all(tables.map((table) => countIn(application, table)));
    expect(seen).toEqual(tables.map(() => 0));
    expect(await countIn(admin, "executions")).toBe(3);
    // Also where rows are derived as they come in: the policy hides nothing from what adds them up.
    expect(await countIn(admin, "executions_hourly")).toBe(2);
  });

  it("are known to retention, which must see everything", async () => {
    expect(await isRestricted(application)).toBe(true);
    expect(await isRestricted(admin)).toBe(false);
  });

  it.each([
    "create table stolen (id UInt8) engine = Memory",
    "drop table executions",
    "alter table executions delete where 1 = 1",
    "drop row policy tenant_isolation on executions",
  ])("come with rights to read and write and no others: %s", async (query) => {
    await expect(application.command({ query })).rejects.toMatchObject({ code: "497" });
  });
});
