import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { generateDemo } from "../../local/demo.ts";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { SUMMARY_GROUPS } from "../../shared/summary.ts";
import { type Insights, startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { createTenant } from "../helpers/tenant.ts";

const NOW = new Date(Date.now() - 60_000);
const demo = [...generateDemo({ seed: "insights", now: NOW, weeks: 5 })];
let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
  await insights.store(demo);
});
afterAll(() => insights?.close());

it.each(SUMMARY_GROUPS)("gives the same figures from both sources when grouped by %s", async (groupBy) => {
  const query = { group_by: groupBy, limit: "1000" };
  const [ledger, analytics] = await Promise.all([
    insights.get({ ...query, source: "ledger" }),
    insights.get({ ...query, source: "analytics" }),
  ]);
  expect(ledger.status).toBe(200);
  expect(ledger.body).toMatchObject({ source: "ledger", fallback: false, group_by: groupBy });
  expect(analytics.body).toEqual({
    ...ledger.body,
    source: "analytics",
    next_page_token: analytics.body.next_page_token,
  });
  expect(ledger.body.rows.length).toBe(Math.min(1_000, ledger.body.groups));
  expect(ledger.body.rows.length).toBeGreaterThan(2);
});

it("adds up to what was sent", async () => {
  const { body } = await insights.get({ from: "2000-01-01", to: "2000-12-31" });
  expect(body).toMatchObject({ groups: 0, rows: [], pending: 0, next_page_token: null });
  expect(body.total).toMatchObject({
    executions: 0,
    cost_usd: null,
    total_tokens: null,
    time_p50_ms: null,
  });

  const answer = await insights.get({ group_by: "status" });
  const from = Date.parse(answer.body.from);
  const inRange = demo.filter(({ timestamp }) => Date.parse(timestamp) >= from);
  const ended = inRange.filter(({ status }) => status !== "pending");
  expect(answer.body.pending).toBe(inRange.length - ended.length);
  expect(answer.body.total.executions).toBe(ended.length);
  expect(answer.body.total.failures).toBe(ended.filter(({ status }) => status !== "completed").length);
  const output = ended
    .flatMap(({ requests, usage }) => requests?.map((request) => request.usage) ?? usage ?? [])
    .reduce((sum, usage) => sum + usage.output_tokens, 0);
  expect(answer.body.total.output_tokens).toBe(output);
  const { total } = answer.body;
  expect(total.total_tokens).toBe(
    (total.input_tokens ?? 0) +
      (total.output_tokens ?? 0) +
      (total.cache_read_tokens ?? 0) +
      (total.cache_write_5m_tokens ?? 0) +
      (total.cache_write_1h_tokens ?? 0),
  );
  expect(total.unpriced).toBeGreaterThan(0);
  expect(total.cost_usd).toMatch(/^[0-9]{3}\.[0-9]{1,12}$/);
});

it("gives the groups page by page, each once, with the total of all on every page", async () => {
  const whole = await insights.get({ group_by: "session", limit: "1000" });
  const keys: (string | null)[] = [];
  let token: string | null = null;
  do {
    const page = await insights.get({
      group_by: "session",
      limit: "170",
      ...(token ? { page_token: token } : {}),
    });
    expect(page.body.total).toEqual(whole.body.total);
    expect(page.body.groups).toBe(whole.body.groups);
    expect(page.body.rows.length).toBeLessThanOrEqual(170);
    keys.push(...page.body.rows.map(({ key }) => key));
    token = page.body.next_page_token;
  } while (token !== null && keys.length < 2_000);
  expect(whole.body.groups).toBeGreaterThan(340);
  expect(keys).toEqual(whole.body.rows.map(({ key }) => key));
  expect(new Set(keys).size).toBe(whole.body.groups);
});

it("continues with the range and the source of the first page, and refuses to continue another question", async () => {
  const question = {
    from: "2020-01-01",
    to: "2020-12-31",
    source: "ledger",
    group_by: "model",
    limit: "1",
  };
  await insights.store([
    makeExecution({ timestamp: "2020-05-01T00:00:00Z", model: "claude-opus-5-5" }),
    makeExecution({ timestamp: "2020-05-02T00:00:00Z", model: "claude-haiku-5-5" }),
  ]);
  const first = await insights.get(question);
  const token = first.body.next_page_token ?? "";
  const second = await insights.get({ page_token: token, limit: "1" });
  expect(second.body).toMatchObject({
    source: "ledger",
    from: first.body.from,
    to: first.body.to,
    group_by: "model",
  });
  expect([...first.body.rows, ...second.body.rows].map(({ key }) => key)).toEqual([
    "claude-opus-5-5",
    "claude-haiku-5-5",
  ]);
  expect(second.body.next_page_token).toBeNull();

  const other = await insights.get({ ...question, page_token: token, group_by: "day", from: "2020-01-02" });
  expect(other.status).toBe(400);
  expect(other.problem.errors?.map(({ pointer }) => pointer)).toEqual(["/from", "/group_by"]);
});

it("includes the whole day of a plain date and the very millisecond of a time", async () => {
  await insights.store([
    makeExecution({ timestamp: "2021-03-01T00:00:00.000Z" }),
    makeExecution({ timestamp: "2021-03-01T23:59:59.999Z" }),
    makeExecution({ timestamp: "2021-03-02T00:00:00.000Z" }),
  ]);
  for (const source of ["ledger", "analytics"]) {
    const day = await insights.get({ from: "2021-03-01", to: "2021-03-01", group_by: "hour", source });
    expect(day.body.rows.map(({ key, executions }) => [key, executions])).toEqual([
      ["2021-03-01T00:00:00Z", 1],
      ["2021-03-01T23:00:00Z", 1],
    ]);
    const moment = { from: "2021-03-02T00:59:59.999+01:00", to: "2021-03-02T01:00:00.001+01:00", source };
    expect((await insights.get(moment)).body.total.executions).toBe(2);
    const before = { from: "2021-03-02T00:59:59.999+01:00", to: "2021-03-02T01:00:00+01:00", source };
    expect((await insights.get(before)).body.total.executions).toBe(1);
  }
});

it("takes 30 whole days up to the end of today when no range is given", async () => {
  const { body } = await insights.get({});
  expect(body.from).toMatch(/T00:00:00\.000Z$/);
  expect(Date.parse(body.to) - Date.parse(body.from)).toBe(30 * 86_400_000);
  expect(Date.parse(body.to)).toBeGreaterThan(NOW.getTime());
});

it("agrees to the last digit from both sources on whatever executions there are", async () => {
  const days = fc.integer({ min: 0, max: 6 });
  const tokens = fc.oneof(fc.nat(3), fc.nat(900_000));
  const text = fc.constantFrom("a", "B", "ä", "z z", "'; --", "\\");
  const execution = fc.record({
    timestamp: fc
      .tuple(days, fc.nat(86_399_999))
      .map(([day, at]) => new Date(Date.UTC(2022, 1, 26 + day) + at).toISOString()),
    status: fc.constantFrom("completed" as const, "failed" as const, "timeout" as const, "pending" as const),
    execution_time_ms: fc.option(fc.oneof(fc.nat(20), fc.nat(3_000_000))),
    model: fc.option(fc.constantFrom("claude-opus-5-5", "claude-haiku-5-5", "nobody-knows-this")),
    usage: fc.option(
      fc.record({
        input_tokens: tokens,
        output_tokens: tokens,
        cache_read_tokens: tokens,
        cache_write_5m_tokens: tokens,
        cache_write_1h_tokens: tokens,
      }),
    ),
    reported_cost_usd: fc.option(fc.double({ min: 0, max: 90, noNaN: true })),
    workspace: fc.option(fc.record({ repository: text })),
    session: fc.option(fc.record({ session_id: text })),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(execution, { maxLength: 40 }),
      fc.nat(3),
      fc.integer({ min: 1, max: 4 }),
      async (made, offset, limit) => {
        const tenant = await createTenant(insights.databases.adminDatabaseUrl);
        await insights.store(
          made.map((each) => makeExecution({ ...each, id: randomUUID() })),
          tenant.key,
        );
        for (const groupBy of SUMMARY_GROUPS) {
          const token = Buffer.from(
            JSON.stringify([Date.UTC(2022, 1, 27), Date.UTC(2022, 2, 3), groupBy, "ledger", offset + 1]),
          ).toString("base64url");
          const other = Buffer.from(
            JSON.stringify([Date.UTC(2022, 1, 27), Date.UTC(2022, 2, 3), groupBy, "analytics", offset + 1]),
          ).toString("base64url");
          const [ledger, analytics] = await Promise.all([
            insights.getRaw(`/v1/summary?page_token=${token}&limit=${limit}`, tenant.key),
            insights.getRaw(`/v1/summary?page_token=${other}&limit=${limit}`, tenant.key),
          ]);
          expect(ledger.status).toBe(200);
          expect({ ...analytics.body, source: "", next_page_token: "" }).toEqual({
            ...ledger.body,
            source: "",
            next_page_token: "",
          });
        }
      },
    ),
    { numRuns: 8 },
  );
});

it("counts what is not known instead of taking it for nothing", async () => {
  const tenant = await createTenant(insights.databases.adminDatabaseUrl);
  const unknown: Partial<ExecutionInput> = { usage: null, model: null, execution_time_ms: null };
  await insights.store([makeExecution(unknown)], tenant.key);
  for (const source of ["ledger", "analytics"]) {
    const { body } = await insights.getRaw(`/v1/summary?group_by=model&source=${source}`, tenant.key);
    expect(body.rows).toEqual([
      {
        key: null,
        executions: 1,
        failures: 0,
        input_tokens: null,
        output_tokens: null,
        cache_read_tokens: null,
        cache_write_5m_tokens: null,
        cache_write_1h_tokens: null,
        total_tokens: null,
        unmeasured: 1,
        cache_hit_rate: null,
        cost_usd: null,
        unpriced: 1,
        cache_savings_usd: null,
        reported_cost_usd: null,
        unreported: 1,
        time_p50_ms: null,
        time_p95_ms: null,
      },
    ]);
  }
});
