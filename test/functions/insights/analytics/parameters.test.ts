import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ANALYTICS_KINDS } from "../../../../shared/analytics.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";

let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

it.each([
  ["an unknown parameter", "costs?by=model", "/by"],
  ["a group of another question", "sessions?group_by=model", "/group_by"],
  ["SQL for a group", "costs?group_by=status;drop table executions", "/group_by"],
  ["an order the answer does not have", "failures?order=cost_usd", "/order"],
  ["SQL for an order", "costs?order=1;select", "/order"],
  ["an unknown direction", "costs?direction=up", "/direction"],
  ["a status that executions do not end with", "costs?status=pending", "/status"],
  ["an empty filter", "costs?repository=", "/repository"],
  ["a filter without end", `costs?model=${"m".repeat(501)}`, "/model"],
  ["a filter the ledger cannot hold", "costs?command_base=%00", "/command_base"],
  ["an unknown source", "trends?source=memory", "/source"],
  ["an unknown format", "trends?format=xml", "/format"],
  ["a time that is none", "trends?from=yesterday", "/from"],
  ["a day that does not exist", "trends?to=2026-02-30", "/to"],
  ["a range that ends before it begins", "models?from=2026-02-01&to=2026-01-01", "/from"],
  ["a range that is too long", "models?from=2025-01-01&to=2026-06-01", "/from"],
  ["a range too long for hours", "trends?from=2026-01-01&to=2026-03-01&group_by=hour", "/from"],
  ["a limit of nothing", "cache?limit=0", "/limit"],
  ["a limit over the bound", "cache?limit=1001", "/limit"],
  ["a parameter given twice", "cache?limit=1&limit=2", "/limit"],
  ["an invented page token", "cache?page_token=abc", "/page_token"],
  [
    "a page token of another question",
    `cache?page_token=${btoa('["costs",0,86400000,"model","cost_usd",true,"ledger",1,{}]')}`,
    "/page_token",
  ],
  [
    "a page token with an order that is none",
    `costs?page_token=${btoa('["costs",0,86400000,"model","1",true,"ledger",1,{}]')}`,
    "/page_token",
  ],
  [
    "a filter beside a page token without it",
    `costs?model=m&page_token=${btoa('["costs",0,86400000,"model","cost_usd",true,"ledger",1,{}]')}`,
    "/model",
  ],
  ["a name of the language's own", "costs?__proto__=1", "/__proto__"],
])("refuses %s and names it", async (_what, address, pointer) => {
  const answer = await insights.getRaw(`/v1/analytics/${address}`);
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.problem.errors?.map((fault) => fault.pointer)).toEqual([pointer]);
});

it("refuses a wrong question with a problem document also when CSV was wanted", async () => {
  const answer = await insights.getRaw("/v1/analytics/costs?format=csv&limit=0");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
});

it("never answers with a server's fault, whatever the parameters are", async () => {
  const name = fc.constantFrom(
    "from",
    "to",
    "group_by",
    "order",
    "source",
    "limit",
    "page_token",
    "repository",
    "model",
    "x",
  );
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "2026-11-01",
      "day",
      "ledger",
      "5",
      "-1",
      "\0",
      "cost_usd",
      "'",
      "\\",
      "\n",
      "{a:String}",
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ANALYTICS_KINDS),
      fc.array(fc.tuple(name, value), { maxLength: 3 }),
      async (kind, pairs) => {
        const query = new URLSearchParams(pairs).toString();
        const answer = await insights.getRaw(`/v1/analytics/${kind}?${query}`);
        expect([200, 400]).toContain(answer.status);
      },
    ),
    { numRuns: 80 },
  );
});

it("wants a key with the scope to read, and says which questions there are", async () => {
  expect((await insights.getRaw("/v1/analytics/costs", "")).status).toBe(401);
  const { key } = await insights.tenant.createKey({ scopes: ["ingest"] });
  expect((await insights.getRaw("/v1/analytics/costs", key)).status).toBe(403);
  const unknown = await insights.getRaw("/v1/analytics/weather");
  expect(unknown.status).toBe(404);
  expect(unknown.problem.detail).toContain("/v1/analytics/costs");
});
