import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ANALYTICS, type AnalyticsKind, type AnalyticsQuery } from "../../shared/analytics.ts";
import { analyzeCopy } from "../../shared/clickhouse/analytics-query.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { type Insights, startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { createTenant } from "../helpers/tenant.ts";

let insights: Insights;
beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

const DEADLINE = { signal: new AbortController().signal, maxSeconds: 10 };
const DAY_MS = 86_400_000;

function question(kind: AnalyticsKind, partial: Partial<AnalyticsQuery> = {}): AnalyticsQuery {
  const end = Math.ceil(Date.now() / DAY_MS) * DAY_MS;
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

it("a cost that the sums have no room for is stored, and its percentiles come from the executions", async () => {
  const tenant = await createTenant(insights.databases.adminDatabaseUrl);
  const client = createClickHouse({ url: insights.databases.clickhouseUrl });
  const owner = createClient({ url: insights.databases.clickhouseUrl });
  try {
    const add = (id: number, cost: string) =>
      owner.command({
        query: `insert into executions (organization_id, id, timestamp, source, status, command_base, cost_usd)
          values ('${tenant.organizationId}', '00000000-0000-4000-8000-00000000000${id}', now64(3), 'client', 'completed', 'x', ${cost})`,
      });
    await add(1, "toDecimal128('8999999.999999999999', 12)");
    expect(await analyzeCopy(client, tenant.organizationId, question("costs"), DEADLINE)).toMatchObject({
      basis: "totals",
      total: { cost_usd: "8999999.999999999999", p50_cost_usd: "8999999.999999999999" },
    });
    await add(2, "toDecimal128('99999999999999.000000000001', 12)");
    for (const filters of [{}, { command_base: "x" }]) {
      const answer = await analyzeCopy(
        client,
        tenant.organizationId,
        question("costs", { filters }),
        DEADLINE,
      );
      expect(answer).toMatchObject({
        basis: "rows",
        total: { executions: 2, cost_usd: "100000008999999", p95_cost_usd: "99999999999999.000000000001" },
      });
    }
  } finally {
    await client.close();
    await owner.close();
  }
});

it("sessions are counted on every page, also beyond the last, with those that told none among them", async () => {
  const tenant = await createTenant(insights.databases.adminDatabaseUrl);
  await insights.store(
    [
      makeExecution({ session: null }),
      ...[1, 2, 3].map((each) => makeExecution({ session: { session_id: `s${each}` } })),
    ],
    tenant.key,
  );
  const client = createClickHouse({ url: insights.databases.clickhouseUrl });
  const keys: unknown[] = [];
  try {
    for (const offset of [0, 1, 2, 3, 4, 1_000]) {
      for (const filters of [{}, { status: "completed" }]) {
        const answer = await analyzeCopy(
          client,
          tenant.organizationId,
          question("sessions", { filters, offset, limit: 1, order: "key", isDescending: false }),
          DEADLINE,
        );
        expect([answer.groupCount, answer.total["executions"]]).toEqual([4, 4]);
        keys.push(...answer.rows.map((row) => row["key"]));
      }
    }
    expect(keys).toEqual(["s1", "s1", "s2", "s2", "s3", "s3", null, null]);
  } finally {
    await client.close();
  }
});
