import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateDemo } from "../../../../local/demo.ts";
import type { ExecutionInput } from "../../../../shared/agent/execution.ts";
import {
  ANALYTICS,
  ANALYTICS_KINDS,
  type AnalyticsGroup,
  type AnalyticsKind,
} from "../../../../shared/analytics.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { createTenant } from "../../../helpers/tenant.ts";
import { askAnalytics, figuresOf } from "./ask.ts";

const NOW = new Date(Date.now() - 60_000);
const QUESTIONS = ANALYTICS_KINDS.flatMap((kind) =>
  ANALYTICS[kind].groups.map((group): [AnalyticsKind, AnalyticsGroup] => [kind, group]),
);
let insights: Insights;

beforeAll(async () => {
  insights = await startInsights();
  await insights.store([...generateDemo({ seed: "analytics", now: NOW, weeks: 4 })]);
});
afterAll(() => insights?.close());

/** An execution of a day in 2023 of which nothing is known but what is given. */
function unknownBut(partial: object): ExecutionInput {
  return makeExecution({ timestamp: "2023-05-03T10:00:00Z", model: null, usage: null, ...partial });
}

describe("both stores answer the same", () => {
  it.each(QUESTIONS)("%s by %s, over whole days and over others", async (kind, group) => {
    const day = 86_400_000;
    const end = new Date(Math.ceil(NOW.getTime() / day) * day);
    for (const startMs of [0, 12 * 3_600_000 + 1]) {
      const query = {
        group_by: group,
        limit: "1000",
        from: new Date(end.getTime() - 25 * day + startMs).toISOString(),
        to: end.toISOString(),
      };
      const [ledger, analytics] = [
        await askAnalytics(insights, kind, { ...query, source: "ledger" }),
        await askAnalytics(insights, kind, { ...query, source: "analytics" }),
      ];
      expect(ledger.status).toBe(200);
      expect(ledger.body.rows.length).toBe(Math.min(1_000, ledger.body.groups));
      expect(ledger.body.total["executions"]).toBeGreaterThan(100);
      expect(figuresOf(analytics)).toEqual(figuresOf(ledger));
      expect([ledger.body.source, analytics.body.source]).toEqual(["ledger", "analytics"]);
    }
  });

  it.each(ANALYTICS_KINDS)("%s with filters, in each order and direction", async (kind) => {
    const { body } = await askAnalytics(insights, "repositories", { source: "ledger" });
    const repository = body.rows.find(({ key }) => key !== null)?.["key"];
    const filters = [
      {},
      { status: "failed" },
      { repository: String(repository) },
      { repository: String(repository), status: "completed" },
      { model: "claude-opus-4-5" },
      { command_base: "prompt", repository: String(repository) },
      { command_base: "there is none" },
    ];
    for (const filter of filters) {
      for (const order of ANALYTICS[kind].orders) {
        for (const direction of ["asc", "desc"]) {
          const query = { ...filter, order, direction, limit: "7" };
          const [ledger, analytics] = [
            await askAnalytics(insights, kind, { ...query, source: "ledger" }),
            await askAnalytics(insights, kind, { ...query, source: "analytics" }),
          ];
          expect(ledger.status).toBe(200);
          expect(figuresOf(analytics)).toEqual(figuresOf(ledger));
        }
      }
    }
  });

  it("whatever executions there are", async () => {
    const tokens = fc.oneof(fc.nat(3), fc.nat(900_000));
    const text = fc.constantFrom("a", "B", "ä", "z z", "'; --", "\\", "=1+1");
    const execution = fc.record({
      timestamp: fc
        .tuple(fc.nat(4), fc.nat(86_399_999))
        .map(([day, at]) => new Date(Date.UTC(2022, 1, 26 + day) + at).toISOString()),
      status: fc.constantFrom(
        "completed" as const,
        "failed" as const,
        "timeout" as const,
        "pending" as const,
      ),
      execution_time_ms: fc.option(fc.oneof(fc.nat(20), fc.nat(3_000_000))),
      model: fc.option(fc.constantFrom("claude-opus-5-5", "claude-haiku-5-5", "nobody-knows-this")),
      command: fc.constantFrom("/fix it", "/review src/a.ts", "please explain this", "implement the plan"),
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
      fc.asyncProperty(fc.array(execution, { maxLength: 45 }), fc.boolean(), async (made, isOdd) => {
        const tenant = await createTenant(insights.databases.adminDatabaseUrl);
        await insights.store(
          made.map((each) => makeExecution({ ...each, id: randomUUID() })),
          tenant.key,
        );
        const range = { from: isOdd ? "2022-02-26T13:00:00.500Z" : "2022-02-27", to: "2022-03-01" };
        for (const [kind, group_by] of QUESTIONS) {
          const query = { ...range, group_by, limit: "5" };
          const [ledger, analytics] = await Promise.all([
            askAnalytics(insights, kind, { ...query, source: "ledger" }, tenant.key),
            askAnalytics(insights, kind, { ...query, source: "analytics" }, tenant.key),
          ]);
          expect(ledger.status).toBe(200);
          expect(figuresOf(analytics)).toEqual(figuresOf(ledger));
        }
      }),
      { numRuns: 5 },
    );
  }, 240_000);
});

describe("the figures", () => {
  it("are those of the executions that were sent", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    const usage = {
      input_tokens: 100,
      output_tokens: 100,
      cache_read_tokens: 700,
      cache_write_5m_tokens: 100,
      cache_write_1h_tokens: 0,
    };
    await insights.store(
      [
        ...Array.from({ length: 20 }, (_, index) =>
          unknownBut({ reported_cost_usd: index + 1, execution_time_ms: index * 10 }),
        ),
        unknownBut({
          usage,
          status: "failed",
          reported_cost_usd: 0.5,
          timestamp: "2023-05-03T11:30:00.250Z",
        }),
        unknownBut({ status: "timeout" }),
        unknownBut({ usage, status: "pending", reported_cost_usd: 1_000 }),
      ],
      tenant.key,
    );
    const ask = async (kind: AnalyticsKind, source: string, group = "") =>
      (
        await askAnalytics(
          insights,
          kind,
          { from: "2023-05-03", to: "2023-05-03", source, ...(group === "" ? {} : { group_by: group }) },
          tenant.key,
        )
      ).body;
    for (const source of ["ledger", "analytics"]) {
      const costs = await ask("costs", source, "source");
      expect(costs.pending).toBe(1);
      expect(costs.total).toMatchObject({
        executions: 22,
        cost_usd: "210.5",
        unpriced: 1,
        average_cost_usd: "10.02380952381",
        // Of 21 known costs from 0.5 to 20: the 11th and the 20th.
        p50_cost_usd: "10",
        p95_cost_usd: "19",
        cost_share: 100,
        unreported: 1,
      });
      const failures = await ask("failures", source);
      expect(failures.total).toMatchObject({
        failed: 1,
        timeouts: 1,
        failures: 2,
        failure_rate: (2 / 22) * 100,
        lost_tokens: 1_000,
        lost_cost_usd: "0.5",
        unpriced_failures: 1,
      });
      const cache = await ask("cache", source, "status");
      expect(cache.rows.map(({ key, rank, cache_hit_rate }) => [key, rank, cache_hit_rate])).toEqual([
        ["failed", 1, 70],
        ["completed", 2, null],
        ["timeout", 2, null],
      ]);
      const [hour, ...others] = (await ask("trends", source, "hour")).rows.filter(
        ({ executions }) => executions !== 0,
      );
      expect(hour).toMatchObject({ key: "2023-05-03T10:00:00Z", executions: 21, total_tokens: null });
      expect(others).toMatchObject([{ key: "2023-05-03T11:00:00Z", executions: 1, mean_cache_hit_rate: 70 }]);
      expect((await ask("repositories", source)).total).toMatchObject({
        last_at: "2023-05-03T11:30:00.250Z",
        people: 1,
      });
      expect((await ask("models", source)).rows).toMatchObject([
        { key: null, time_p50_ms: expect.any(Number) as number, unmeasured: 21 },
      ]);
    }
  });
});
