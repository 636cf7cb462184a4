import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withOrganization, withSystemRole } from "../../../shared/postgres/pool.ts";
import { daysAgo, type Retention, setPolicy, startRetention } from "../../helpers/retention.ts";

let retention: Retention;
beforeAll(async () => {
  retention = await startRetention();
  await setPolicy(retention, retention.tenant.organizationId, "executions", 10, "archive");
  await setPolicy(retention, retention.other.organizationId, "executions", 20, "archive");
  await retention.add(retention.tenant, [daysAgo(30)]);
  await retention.add(retention.other, [daysAgo(30)]);
  await retention.run();
});
afterAll(() => retention.close());

const asTenant = (text: string): Promise<Record<string, unknown>[]> =>
  withOrganization(retention.context.tools.pool, retention.tenant.organizationId, async (sql) => {
    return (await sql.query<Record<string, unknown>>(text)).rows;
  });

const asJob = (text: string): Promise<unknown> =>
  withSystemRole(retention.context.tools.pool, (sql) => sql.query(text));

describe("an organization", () => {
  it("sees the default policies and its own, and its own counts", async () => {
    expect(
      await asTenant("select keep_days from retention_policies where target = 'executions' order by 1"),
    ).toEqual([{ keep_days: 10 }, { keep_days: 90 }]);
    expect(await asTenant("select distinct organization_id from retention_counts")).toEqual([
      { organization_id: retention.tenant.organizationId },
    ]);
  });

  it.each([
    "select * from retention_runs",
    "select * from retention_archives",
    "update retention_policies set keep_days = 1",
    "insert into retention_policies (organization_id, target, keep_days) values (current_organization_id(), 'executions', 1)",
    "select detach_executions_month('2024-01-01')",
    "select erase_tenant_rows('public', 'users', current_organization_id(), 1)",
    "select delete_past_rows('audit_logs', current_organization_id(), now(), 1)",
    "select * from read_archive_rows('x', current_organization_id(), gen_random_uuid(), now(), 1)",
    "select note_retention(null, 'x', 'y', '{}')",
    "select * from maintenance_recommendations",
  ])("may not: %s", async (statement) => {
    await expect(asTenant(statement)).rejects.toMatchObject({ code: "42501" });
  });

  it("cannot read the archive, nor can the jobs' role by itself", async () => {
    const month = new Date(daysAgo(30).timestamp).toISOString().slice(0, 7).replace("-", "_");
    const text = `select * from archive.command_executions_${month}_early`;
    await expect(asTenant(text)).rejects.toMatchObject({ code: "42501" });
    await expect(asJob(text)).rejects.toMatchObject({ code: "42501" });
  });
});

describe("the jobs' role", () => {
  it.each([
    ["a month that has not ended", "select detach_executions_month(date_trunc('month', now())::date)"],
    [
      "rows of the future",
      "select delete_past_rows('audit_logs', gen_random_uuid(), now() + interval '1 day', 1)",
    ],
  ])("cannot take %s", async (_, statement) => {
    await expect(asJob(statement)).rejects.toMatchObject({ code: "22023" });
  });

  it("cannot erase an organization whose keys hold, nor delete from a table that no policy names", async () => {
    const { organizationId } = retention.tenant;
    await expect(
      asJob(`select erase_tenant_rows('public', 'users', '${organizationId}', 1)`),
    ).rejects.toMatchObject({ code: "55006" });
    await expect(
      asJob(`select delete_past_rows('users', '${organizationId}', now(), 1)`),
    ).rejects.toMatchObject({ code: "22004" });
  });
});
