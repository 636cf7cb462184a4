import type { Pool } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createGate } from "../../../../functions/insights/analytics/gate.ts";
import { FINDINGS_TURNS } from "../../../../functions/insights/context.ts";
import { createAnalyses } from "../../../../functions/insights/findings/analyses.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { primaryReader } from "../../../helpers/primary-reader.ts";

let insights: Insights;
beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

const HOUR_MS = 3_600_000;
const store = (): Promise<void> =>
  insights.store([makeExecution({ timestamp: new Date(Date.now() - HOUR_MS).toISOString() })]);

/** A clock by which everything takes a second, and ranges of two days that end "now". */
function makeAnalyses(maxAgeMs: number) {
  const start = Date.now();
  const clock = { now: start };
  const analyses = createAnalyses({
    pool: insights.context.pool,
    reader: primaryReader(insights.context.pool),
    now: () => (clock.now += 1_000),
    ttlMs: 600_000,
    maxAgeMs,
    inTurn: createGate(FINDINGS_TURNS).run,
  });
  const range = (aheadMs: number) => ({
    from: new Date(start + aheadMs - 48 * HOUR_MS),
    to: new Date(start + aheadMs),
  });
  const { organizationId } = insights.tenant;
  return { clock, range, ask: (aheadMs: number) => analyses.analyse(organizationId, range(aheadMs)) };
}

it("gives what took long again although something was committed, with its own range and time", async () => {
  await store();
  const { clock, ask, range } = makeAnalyses(60_000);
  const first = await ask(HOUR_MS);
  await store();
  const second = await ask(HOUR_MS + 60_000);
  expect(second).toEqual({ analysis: first.analysis, cached: true });
  expect(second.analysis.to).toBe(range(HOUR_MS).to.toISOString());
  // Too old by now, so it is read anew.
  clock.now += 2 * HOUR_MS;
  expect((await ask(HOUR_MS)).analysis.executions).toBe(first.analysis.executions + 1);
});

it("works out anew after every commit when nothing may be old", async () => {
  await store();
  const { ask } = makeAnalyses(0);
  const first = await ask(HOUR_MS);
  // What other tests commit to the same server ends what is cached.
  await expect.poll(async () => (await ask(HOUR_MS)).cached, { interval: 1, timeout: 30_000 }).toBe(true);
  await store();
  const second = await ask(HOUR_MS);
  expect(second.cached).toBe(false);
  expect(second.analysis.executions).toBe(first.analysis.executions + 1);
});

it("lets an organization with many questions wait for its own, not others for it", async () => {
  const begun: (() => void)[] = [];
  // Names no snapshot but the one, and no reading ends before the test says so.
  const pool = { query: () => Promise.resolve({ rows: [{ snapshot: "1:1:" }] }) } as unknown as Pool;
  const read = (): Promise<never> =>
    new Promise((_, reject) => begun.push(() => reject(new TypeError("the end"))));
  const analyses = createAnalyses({
    pool,
    reader: { read },
    now: () => 0,
    ttlMs: 0,
    maxAgeMs: 0,
    inTurn: createGate(FINDINGS_TURNS).run,
  });
  const ask = (organizationId: string, days: number): Promise<unknown> =>
    analyses
      .analyse(organizationId, { from: new Date(-days * 24 * HOUR_MS), to: new Date(1) })
      .catch((error: unknown) => error);
  const busy = Array.from({ length: 8 }, (_, days) => ask("busy", days + 1));
  expect(await Promise.race(busy)).toMatchObject({ code: "unavailable" });
  const other = ask("other", 1);
  await expect.poll(() => begun.length).toBe(2);
  begun[1]?.();
  expect(await other).toMatchObject({ message: "the end" });
  begun[0]?.();
  for (let index = 2; index < 7; index++) {
    await expect.poll(() => begun.length).toBe(index + 1);
    begun[index]?.();
  }
  await Promise.all(busy);
});
