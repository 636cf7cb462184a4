import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fillPeriods } from "../../../../functions/insights/analytics/fill-periods.ts";
import type { AnalyticsKind, Period } from "../../../../shared/analytics.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { askAnalytics } from "./ask.ts";

const FROM = "2024-02-26";
const TO = "2024-03-06";
let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
  await insights.store(
    Array.from({ length: 90 }, (_, index) =>
      makeExecution({
        // Three days of the ten, and costs that are alike.
        timestamp: `2024-0${index % 2 === 0 ? "2-27" : "3-0" + String(1 + (index % 3))}T0${index % 10}:00:00Z`,
        status: index % 7 === 0 ? "failed" : "completed",
        workspace: { repository: `r-${index % 23}` },
        session: index % 11 === 0 ? null : { session_id: `s-${index % 29}` },
        command: `/command-${index % 19} now`,
      }),
    ),
  );
});
afterAll(() => insights?.close());

describe.each(["ledger", "analytics"])("pages from the %s", (source) => {
  it.each<[AnalyticsKind, Record<string, string>]>([
    ["sessions", {}],
    ["sessions", { order: "executions" }],
    ["sessions", { order: "started_at", direction: "asc", status: "failed" }],
    ["repositories", { direction: "asc" }],
    ["costs", { order: "p95_cost_usd" }],
    ["failures", { order: "failure_rate" }],
    ["cache", {}],
    ["models", {}],
    ["trends", { group_by: "hour" }],
    ["trends", { direction: "desc" }],
  ])("of %s with %j are complete and repeat nothing", async (kind, query) => {
    const question = { from: FROM, to: TO, source, ...query };
    const whole = await askAnalytics(insights, kind, { ...question, limit: "1000" });
    expect(whole.body.rows.length).toBe(whole.body.groups);
    expect(whole.body.next_page_token).toBeNull();
    const rows: unknown[] = [];
    let token: string | null = null;
    for (let pages = 0; pages < 100; pages += 1) {
      const page = await askAnalytics(insights, kind, {
        limit: "4",
        ...(token === null ? question : { page_token: token }),
      });
      expect(page.status).toBe(200);
      expect(page.body.total).toEqual(whole.body.total);
      expect(page.body.groups).toBe(whole.body.groups);
      expect(page.body.order).toBe(whole.body.order);
      rows.push(...page.body.rows);
      token = page.body.next_page_token;
      if (token === null) break;
    }
    expect(rows).toEqual(whole.body.rows);
    expect(new Set(whole.body.rows.map(({ key }) => key)).size).toBe(whole.body.groups);
  });

  it("shows every period of the range, with what is unknown where nothing ended", async () => {
    const { body } = await askAnalytics(insights, "trends", { from: FROM, to: TO, source });
    expect(body.rows.map(({ key, executions }) => [key, executions])).toEqual([
      ["2024-02-26", 0],
      ["2024-02-27", 45],
      ["2024-02-28", 0],
      ["2024-02-29", 0],
      ["2024-03-01", 15],
      ["2024-03-02", 15],
      ["2024-03-03", 15],
      ["2024-03-04", 0],
      ["2024-03-05", 0],
      ["2024-03-06", 0],
    ]);
    expect(body.rows[0]).toMatchObject({ total_tokens: null, cost_usd: null, cache_hit_rate: null });
    const countsBy = async (group_by: string) =>
      (await askAnalytics(insights, "trends", { from: FROM, to: TO, source, group_by })).body.rows.map(
        ({ key, executions }) => [key, executions],
      );
    expect(await countsBy("week")).toEqual([
      ["2024-02-26", 90],
      ["2024-03-04", 0],
    ]);
    expect(await countsBy("month")).toEqual([
      ["2024-02", 45],
      ["2024-03", 45],
    ]);
  });
});

function keys(period: Period, from: string, to: string) {
  return fillPeriods("trends", [], { from: new Date(from), to: new Date(to), period }).map(({ key }) => key);
}

it("names the periods that a range touches, also those it begins or ends within", () => {
  expect(keys("hour", "2024-12-31T22:59:59.999Z", "2025-01-01T00:00:00.001Z")).toEqual([
    "2024-12-31T22:00:00Z",
    "2024-12-31T23:00:00Z",
    "2025-01-01T00:00:00Z",
  ]);
  expect(keys("day", "2024-02-28T12:00:00Z", "2024-03-01T00:00:00Z")).toEqual(["2024-02-28", "2024-02-29"]);
  expect(keys("week", "2025-01-05T23:00:00Z", "2025-01-06T00:00:01Z")).toEqual(["2024-12-30", "2025-01-06"]);
  expect(keys("month", "2024-11-30T00:00:00Z", "2025-01-02T00:00:00Z")).toEqual([
    "2024-11",
    "2024-12",
    "2025-01",
  ]);
});
