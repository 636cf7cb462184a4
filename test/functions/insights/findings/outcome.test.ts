import { expect, it } from "vitest";
import { outcomeOf, UNITS_MIN } from "../../../../functions/insights/findings/outcome.ts";

const DONE = new Date("2026-11-01T00:00:00Z");
const done = {
  doneAt: DONE,
  promisedUsdPerMonth: "20.000000000000",
  baseline: { costUsd: "100.000000000000", units: 200, unit: "execution" },
};
const after = (costUsd: string, units: number) => ({ costUsd, units, unit: "execution" as const });
const days = (count: number): Date => new Date(DONE.getTime() + count * 86_400_000);

it("compares the cost of a unit before and after, for the units of a month", () => {
  // $0.50 − $0.30 for each of 150 executions in 15 days: $60 in 30 days.
  const outcome = outcomeOf(done, { after: after("45", 150), to: days(15) });
  expect(outcome).toMatchObject({
    promised_usd_per_month: "20",
    actual_usd_per_month: "60",
    why: null,
    before: { cost_usd: "100", units: 200 },
    after: { cost_usd: "45", units: 150 },
    measured: { days: 15 },
  });
});

it("says so when it got dearer", () => {
  expect(outcomeOf(done, { after: after("90", 150), to: days(30) }).actual_usd_per_month).toBe("-15");
});

it("knows nothing before seven days, from too few units, or without a measure, and says why", () => {
  const soon = outcomeOf(done, { after: after("45", 150), to: new Date(days(7).getTime() - 1) });
  expect(soon).toMatchObject({ actual_usd_per_month: null, why: expect.stringContaining("7th day") });
  expect(outcomeOf(done, { after: after("45", 150), to: days(7) }).actual_usd_per_month).not.toBeNull();
  const few = outcomeOf(done, { after: after("1", UNITS_MIN - 1), to: days(9) });
  expect(few).toMatchObject({
    actual_usd_per_month: null,
    why: expect.stringContaining("only 9 executions"),
  });
  expect(outcomeOf(done, { after: null, to: days(9) }).why).toContain("nothing");
  expect(outcomeOf({ ...done, baseline: null }, { after: null, to: days(9) }).why).toContain("no money");
});
