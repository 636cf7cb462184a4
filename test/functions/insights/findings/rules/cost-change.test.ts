import { expect, it } from "vitest";
import {
  COMPARED_DAYS,
  costChange,
  EXECUTIONS_PER_DAY_MIN,
  HISTORY_DAYS_MIN,
} from "../../../../../functions/insights/findings/rules/cost-change.ts";
import type { InsightPatternDay } from "../../../../../shared/postgres/insight-pattern-days.ts";
import { makeFacts, TO, usd } from "../make-facts.ts";

const DAY_MS = 86_400_000;

/** A day of the pattern: `ago` 1 is the last day of the range. */
function makeDay(ago: number, dollarsEach: number, executions = 5): InsightPatternDay {
  return {
    signature: "v1 /review <path>",
    commandBase: "/review",
    day: new Date(TO.getTime() - ago * DAY_MS).toISOString().slice(0, 10),
    priced: executions,
    costPico: usd(dollarsEach) * BigInt(executions),
  };
}
function days(count: number, firstAgo: number, dollarsEach: number): InsightPatternDay[] {
  return Array.from({ length: count }, (_, index) => makeDay(firstAgo - index, dollarsEach));
}
const find = (patternDays: InsightPatternDay[]) => costChange.find(makeFacts({ patternDays }));

it("finds a pattern whose runs suddenly cost more and promises the last week's excess", () => {
  const [found] = find([...days(14, 28, 1), ...days(4, 7, 1), ...days(3, 3, 3)]);
  expect(found).toMatchObject({
    subject: { pattern: "v1 /review <path>" },
    days: 7,
    // 35 runs for 20 × $1 + 15 × $3, which used to cost $35.
    savingPico: usd(30),
    evidence: { ratio: 3, history_days: 14, executions_of_last_days: 35, usual_cost_usd: "1" },
  });
});

it("wants half as much again", () => {
  expect(find([...days(14, 28, 1), ...days(3, 3, 1.51)])).toHaveLength(1);
  expect(find([...days(14, 28, 1), ...days(3, 3, 1.49)])).toEqual([]);
});

it("looks at how much the pattern moves anyway", () => {
  const restless = Array.from({ length: 14 }, (_, index) => makeDay(28 - index, index % 2 === 0 ? 0.5 : 2));
  // The median of distances is ln 2: a factor of 36 would stand out, one of 3 does not.
  expect(find([...restless, ...days(3, 3, 3)])).toEqual([]);
  expect(find([...restless, ...days(3, 3, 40)])).toHaveLength(1);
});

it("wants enough days of history, enough new ones and enough runs a day", () => {
  expect(find([...days(HISTORY_DAYS_MIN, 20, 1), ...days(COMPARED_DAYS, 3, 3)])).toHaveLength(1);
  expect(find([...days(HISTORY_DAYS_MIN - 1, 20, 1), ...days(COMPARED_DAYS, 3, 3)])).toEqual([]);
  expect(find([...days(HISTORY_DAYS_MIN, 20, 1), ...days(COMPARED_DAYS - 1, 2, 3)])).toEqual([]);
  const quiet = makeDay(1, 3, EXECUTIONS_PER_DAY_MIN - 1);
  expect(find([...days(HISTORY_DAYS_MIN, 20, 1), ...days(2, 3, 3), quiet])).toEqual([]);
});

it("tells of a fall without a saving", () => {
  const [found] = find([...days(14, 28, 3), ...days(3, 3, 1)]);
  expect(found).toMatchObject({ savingPico: null, evidence: { ratio: 0.33 } });
});

it("measures the last week's cost of a run", () => {
  const facts = makeFacts({ patternDays: [...days(14, 28, 1), ...days(3, 3, 3)] });
  expect(costChange.measure(facts, { pattern: "v1 /review <path>" })).toEqual({
    costPico: usd(45),
    units: 15,
    days: 7,
    unit: "execution",
  });
});
