import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { withOrganization } from "../../shared/postgres/pool.ts";
import { countPending, summarizeLedger } from "../../shared/postgres/summary.ts";
import { type Insights, startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

it("shows a tenant its own executions and no others, in both sources", async () => {
  const mine = await createTenant(insights.databases.adminDatabaseUrl);
  const theirs = await createTenant(insights.databases.adminDatabaseUrl);
  await insights.store([makeExecution({ session: { session_id: "mine" } })], mine.key);
  await insights.store([makeExecution({ session: { session_id: "theirs" } }), makeExecution()], theirs.key);
  for (const source of ["ledger", "analytics"]) {
    const answer = await insights.getRaw(`/v1/summary?group_by=session&source=${source}`, mine.key);
    expect(answer.body.total.executions).toBe(1);
    expect(answer.body.rows.map(({ key }) => key)).toEqual(["mine"]);
  }
});

it("keeps tenants apart in the ledger by its own policies, whatever the statement asks for", async () => {
  const [mine, theirs] = [
    await createTenant(insights.databases.adminDatabaseUrl),
    await createTenant(insights.databases.adminDatabaseUrl),
  ];
  await insights.store([makeExecution(), makeExecution({ status: "pending" })], theirs.key);
  const query = {
    from: new Date(0),
    to: new Date(Date.now() + 60_000),
    groupBy: "day",
    limit: 10,
    offset: 0,
  } as const;
  const askAs = (organizationId: string) =>
    withOrganization(insights.context.pool, organizationId, async (sql) => [
      (await summarizeLedger(sql, theirs.organizationId, query)).total.executions,
      await countPending(sql, theirs.organizationId, query),
    ]);
  expect(await askAs(theirs.organizationId)).toEqual([1, 1]);
  expect(await askAs(mine.organizationId)).toEqual([0, 0]);
});

it("does not let one tenant see what the cache holds for another", async () => {
  const [one, two] = [
    await createTenant(insights.databases.adminDatabaseUrl),
    await createTenant(insights.databases.adminDatabaseUrl),
  ];
  await insights.store([makeExecution()], one.key);
  for (const key of [one.key, two.key, one.key]) await insights.getRaw("/v1/summary", key);
  expect((await insights.getRaw("/v1/summary", two.key)).body.total.executions).toBe(0);
  expect((await insights.getRaw("/v1/summary", one.key)).body.total.executions).toBe(1);
});

it.each(["ledger", "analytics"])(
  "shows a write to the next reader of the %s, who is answered from the cache until then",
  async (source) => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    const ask = () => insights.getRaw(`/v1/summary?source=${source}`, tenant.key);
    for (const executions of [1, 2, 3]) {
      await insights.store([makeExecution()], tenant.key);
      const first = await ask();
      expect([first.headers.get("x-netra-cache"), first.body.total.executions]).toEqual(["miss", executions]);
      // Tests beside this one commit to the same server, which costs a hit now and then and never an answer.
      await vi.waitFor(async () => {
        const again = await ask();
        expect(again.body).toEqual(first.body);
        expect(again.headers.get("x-netra-cache")).toBe("hit");
      });
    }
  },
);

it("sees a write that another process has committed, and one that was under way while it was asked", async () => {
  const { organizationId, key } = await createTenant(insights.databases.adminDatabaseUrl);
  const id = randomUUID();
  await insights.store([makeExecution({ id, status: "pending" })], key);
  const ask = async () => (await insights.getRaw("/v1/summary?source=ledger", key)).body.pending;
  await asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
    await sql.query("begin");
    await sql.query("delete from command_executions where organization_id = $1 and id = $2", [
      organizationId,
      id,
    ]);
    expect([await ask(), await ask()]).toEqual([1, 1]);
    await sql.query("commit");
  });
  expect(await ask()).toBe(0);
});
