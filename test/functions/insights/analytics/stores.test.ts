import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { analyzeCopy } from "../../../../shared/clickhouse/analytics-query.ts";
import { ANALYTICS, ANALYTICS_KINDS, type AnalyticsQuery } from "../../../../shared/analytics.ts";
import { createClickHouse } from "../../../../shared/clickhouse/client.ts";
import { analyzeLedger } from "../../../../shared/postgres/analytics-query.ts";
import { withOrganization } from "../../../../shared/postgres/pool.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";
import { askAnalytics, figuresOf } from "./ask.ts";

const DAY_MS = 86_400_000;
const DEADLINE = { signal: new AbortController().signal, maxSeconds: 10 };
let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

/** A question about the last days; whole days unless told otherwise. */
function question(partial: Partial<AnalyticsQuery> = {}): AnalyticsQuery {
  const end = Math.ceil(Date.now() / DAY_MS) * DAY_MS;
  const kind = partial.kind ?? "costs";
  return {
    kind,
    from: new Date(end - 20 * DAY_MS),
    to: new Date(end),
    groupBy: ANALYTICS[kind].groups[0],
    order: ANALYTICS[kind].orders[0],
    isDescending: true,
    filters: {},
    limit: 100,
    offset: 0,
    ...partial,
  };
}

describe("tenants", () => {
  it.each(ANALYTICS_KINDS)("see their own %s and no others, in both stores", async (kind) => {
    const mine = await createTenant(insights.databases.adminDatabaseUrl);
    const theirs = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution({ session: { session_id: "mine" } })], mine.key);
    await insights.store(
      [makeExecution({ model: "theirs", workspace: { repository: "theirs" } }), makeExecution()],
      theirs.key,
    );
    for (const source of ["ledger", "analytics"]) {
      for (const range of [{}, { from: new Date(Date.now() - 3 * DAY_MS - 1).toISOString() }]) {
        const { body } = await askAnalytics(insights, kind, { source, ...range }, mine.key);
        expect(body.total["executions"]).toBe(1);
        expect(JSON.stringify(body)).not.toContain("theirs");
      }
    }
  });

  it("are kept apart in the ledger by its own policies, whatever the statement asks for", async () => {
    const mine = await createTenant(insights.databases.adminDatabaseUrl);
    const theirs = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution()], theirs.key);
    const askAs = (organizationId: string) =>
      withOrganization(insights.context.pool, organizationId, (sql) =>
        analyzeLedger(sql, theirs.organizationId, question()),
      );
    expect((await askAs(theirs.organizationId)).total["executions"]).toBe(1);
    expect((await askAs(mine.organizationId)).total["executions"]).toBe(0);
  });

  it("do not get what the cache holds for another", async () => {
    const one = await createTenant(insights.databases.adminDatabaseUrl);
    const two = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution()], one.key);
    for (const [key, executions] of [
      [one.key, 1],
      [two.key, 0],
      [one.key, 1],
    ] as const) {
      const { body } = await askAnalytics(insights, "trends", {}, key);
      expect(body.total["executions"]).toBe(executions);
    }
  });
});

describe("the cache", () => {
  it.each(["ledger", "analytics"])(
    "gives an answer of the %s again until something is written",
    async (source) => {
      const tenant = await createTenant(insights.databases.adminDatabaseUrl);
      const ask = () => askAnalytics(insights, "costs", { source }, tenant.key);
      for (const executions of [1, 2, 3]) {
        await insights.store([makeExecution()], tenant.key);
        const first = await ask();
        expect([first.headers.get("x-netra-cache"), first.body.total["executions"]]).toEqual([
          "miss",
          executions,
        ]);
        // Tests beside this one commit to the same server, which costs a hit now and then and never an answer.
        await vi.waitFor(async () => {
          const again = await ask();
          expect(again.body).toEqual(first.body);
          expect(again.headers.get("x-netra-cache")).toBe("hit");
        });
      }
    },
  );
});

describe("the sums made ahead", () => {
  it("answer for whole days and one dimension, the executions themselves for the rest", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution()], tenant.key);
    const client = createClickHouse({ url: insights.databases.clickhouseUrl });
    const basisOf = async (partial: Partial<AnalyticsQuery>) =>
      (await analyzeCopy(client, tenant.organizationId, question(partial), DEADLINE)).basis;
    try {
      for (const kind of ANALYTICS_KINDS) expect(await basisOf({ kind })).toBe("totals");
      const hour = new Date(Math.floor(Date.now() / 3_600_000 - 30) * 3_600_000);
      expect(await basisOf({ kind: "trends", groupBy: "hour", from: hour })).toBe("totals");
      expect(await basisOf({ kind: "costs", from: hour })).toBe("rows");
      expect(await basisOf({ filters: { status: "completed" } })).toBe("totals");
      expect(await basisOf({ filters: { command_base: "/review" } })).toBe("totals");
      expect(await basisOf({ filters: { model: "m" } })).toBe("rows");
      expect(await basisOf({ groupBy: "status", filters: { repository: "acme/shop" } })).toBe("totals");
      expect(await basisOf({ kind: "sessions", filters: { status: "completed" } })).toBe("rows");
    } finally {
      await client.close();
    }
  });

  it("are not believed when groups and total, which come from different sums, are of different executions", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution(), makeExecution()], tenant.key);
    const client = createClickHouse({ url: insights.databases.clickhouseUrl });
    const owner = createClient({ url: insights.databases.clickhouseUrl });
    const about = { ...question(), kind: "sessions", groupBy: "session", order: "cost_usd" } as const;
    const ask = () => analyzeCopy(client, tenant.organizationId, about, DEADLINE);
    try {
      const before = await ask();
      expect(before).toMatchObject({ basis: "totals", total: { executions: 2 } });
      await owner.command({
        query: `insert into execution_totals select * from execution_totals
          where organization_id = '${tenant.organizationId}' and dimension = 'session'`,
      });
      expect(await ask()).toEqual({ ...before, basis: "rows" });
    } finally {
      await client.close();
      await owner.close();
    }
  });

  it("are not believed when they hold more or less than there is", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution(), makeExecution()], tenant.key);
    const client = createClickHouse({ url: insights.databases.clickhouseUrl });
    const owner = createClient({ url: insights.databases.clickhouseUrl });
    const ask = () => analyzeCopy(client, tenant.organizationId, question(), DEADLINE);
    const mine = `organization_id = '${tenant.organizationId}'`;
    try {
      const before = await ask();
      expect(before).toMatchObject({ basis: "totals", total: { executions: 2 } });
      await owner.command({
        query: `insert into execution_totals select * from execution_totals where ${mine}`,
      });
      expect(await ask()).toEqual({ ...before, basis: "rows" });
      await owner.command({
        query: `alter table execution_totals delete where ${mine}`,
        clickhouse_settings: { mutations_sync: "2" },
      });
      expect(await ask()).toEqual({ ...before, basis: "rows" });
    } finally {
      await client.close();
      await owner.close();
    }
  });
});

describe("a store that cannot answer", () => {
  it("the copy away: the ledger answers and says so, or how to ask it", async () => {
    const away = await startInsights({ CLICKHOUSE_URL: "http://netra:wrong@127.0.0.1:9/netra_analytics" });
    try {
      await away.store([makeExecution()]);
      for (const kind of ANALYTICS_KINDS) {
        const { body } = await askAnalytics(away, kind);
        expect(body).toMatchObject({ source: "ledger", fallback: true, total: { executions: 1 } });
      }
      const answer = await askAnalytics(away, "costs", { source: "analytics" });
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(answer.problem.detail).toContain("source=ledger");
    } finally {
      await away.close();
    }
  });

  it("the ledger held up: no more questions are let through than there is room for", async () => {
    const slow = await startInsights({ NETRA_ANALYTICS_QUERIES: "1", NETRA_QUERY_TIMEOUT_MS: "20000" });
    try {
      await slow.store([makeExecution()]);
      const other = await createTenant(slow.databases.adminDatabaseUrl);
      const asked = await asOwner(slow.databases.adminDatabaseUrl, async (sql) => {
        await askAnalytics(slow, "costs");
        await sql.query("begin");
        await sql.query("lock table command_executions in access exclusive mode");
        const many = Array.from({ length: 25 }, (_, index) =>
          askAnalytics(slow, "costs", { source: "ledger", limit: String(index + 1) }),
        );
        const waits: number[] = [];
        for (const one of many) {
          void one.then(
            ({ status, headers }) => status === 503 && waits.push(Number(headers.get("retry-after"))),
          );
        }
        // Before the ledger goes on: one runs and sixteen wait.
        await vi.waitFor(() => expect(waits).toHaveLength(8), { timeout: 15_000 });
        expect(Math.min(...waits)).toBeGreaterThan(0);
        // Another organization still has room to wait.
        const others = askAnalytics(slow, "costs", { source: "ledger" }, other.key);
        await sql.query("rollback");
        return { statuses: (await Promise.all(many)).map(({ status }) => status), others: await others };
      });
      expect(asked.others.status).toBe(200);
      expect(asked.statuses.filter((status) => status === 200)).toHaveLength(17);
      expect(asked.statuses.filter((status) => status === 503)).toHaveLength(8);
      expect(figuresOf(await askAnalytics(slow, "costs"))).toMatchObject({ total: { executions: 1 } });
    } finally {
      await slow.close();
    }
  });
});
