import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Insights, startInsights } from "../helpers/insights.ts";

let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

it.each([
  ["an unknown parameter", "groupby=day", "/groupby"],
  ["an unknown group", "group_by=weather", "/group_by"],
  ["SQL for a group", "group_by=status;drop table executions", "/group_by"],
  ["an unknown source", "source=memory", "/source"],
  ["a time that is none", "from=yesterday", "/from"],
  ["a day that does not exist", "to=2026-02-30", "/to"],
  ["a time without an offset", "from=2026-01-01T00:00:00", "/from"],
  ["a time out of all bounds", "to=9999-01-01", "/to"],
  ["a range that ends before it begins", "from=2026-02-01&to=2026-01-01", "/from"],
  ["a range that is too long", "from=2025-01-01&to=2026-06-01", "/from"],
  ["a range that is too long for hours", "from=2026-01-01&to=2026-03-01&group_by=hour", "/from"],
  ["a limit of nothing", "limit=0", "/limit"],
  ["a limit over the bound", "limit=1001", "/limit"],
  ["a limit that is no number", "limit=ten", "/limit"],
  ["a parameter given twice", "limit=1&limit=2", "/limit"],
  ["an empty parameter", "group_by=", "/group_by"],
  ["an invented page token", "page_token=abc", "/page_token"],
  [
    "a page token with a time out of all bounds",
    `page_token=${btoa('[0,8e15,"day","ledger",1]')}`,
    "/page_token",
  ],
  ["a page token with another group", `page_token=${btoa('[0,1,"id","ledger",1]')}`, "/page_token"],
  ["a name of the language's own", "__proto__=1", "/__proto__"],
])("refuses %s and names it", async (_what, query, pointer) => {
  const answer = await insights.getRaw(`/v1/summary?${query}`);
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.problem.errors?.map((fault) => fault.pointer)).toEqual([pointer]);
});

it("never answers with a server's fault, whatever the parameters are", async () => {
  const name = fc.constantFrom("from", "to", "group_by", "source", "limit", "page_token", "x");
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("2026-11-01", "day", "ledger", "5", "-1", "%00"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 4 }), async (pairs) => {
      const answer = await insights.getRaw(`/v1/summary?${new URLSearchParams(pairs).toString()}`);
      expect([200, 400]).toContain(answer.status);
    }),
    { numRuns: 60 },
  );
});

it("wants a key with the scope to read", async () => {
  const none = await insights.getRaw("/v1/summary", "");
  expect(none.status).toBe(401);
  const { key } = await insights.tenant.createKey({ scopes: ["ingest"] });
  expect((await insights.getRaw("/v1/summary", key)).status).toBe(403);
  const post = await fetch(`${insights.url}/v1/summary`, { method: "POST", body: "{}" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET"]);
});
