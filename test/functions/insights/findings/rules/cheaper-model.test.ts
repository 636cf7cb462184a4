import { expect, it } from "vitest";
import {
  cheaperModel,
  EXECUTIONS_MIN,
} from "../../../../../functions/insights/findings/rules/cheaper-model.ts";
import { NO_USAGE } from "../../../../../shared/agent/usage.ts";
import type { InsightCell } from "../../../../../shared/insight-cells.ts";
import { makeCell, makeFacts, usd } from "../make-facts.ts";

/** 100 runs for $100; at the prices of claude-sonnet-5-5 ($2 and $10 a million) the same tokens cost $60. */
function makeDear(partial: Partial<InsightCell> = {}): InsightCell {
  return makeCell({
    model: "claude-opus-5-5",
    executions: 100,
    failed: 10,
    usage: { ...NO_USAGE, input_tokens: 20_000_000, output_tokens: 2_000_000 },
    ...partial,
  });
}
function makeCheap(partial: Partial<InsightCell> = {}): InsightCell {
  return makeCell({
    model: "claude-sonnet-5-5",
    executions: 100,
    failed: 4,
    costPico: usd(50),
    usage: { ...NO_USAGE, input_tokens: 20_000_000, output_tokens: 2_000_000 },
    ...partial,
  });
}
const ofAll = (count: number, partial: Partial<InsightCell>) => ({
  ...partial,
  executions: count,
  priced: count,
  measured: count,
  failed: 0,
});
const find = (...cells: InsightCell[]) => cheaperModel.find(makeFacts({ cells }));

it("finds a dear model where a cheaper one did as well, and promises the smaller of two estimates", () => {
  const found = find(makeDear(), makeCheap());
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    subject: { command_base: "/fix", task_kind: "fix", repository: "acme/shop", model: "claude-opus-5-5" },
    savingPico: usd(40),
    confidence: { level: "high" },
    evidence: { saving_by_mean_cost_usd: "50", saving_by_list_price_usd: "40" },
  });
  expect(find(makeDear(), makeCheap({ costPico: usd(75) }))[0]?.savingPico).toBe(usd(25));
});

it("wants the success rate not to be worse, to the execution", () => {
  expect(find(makeDear(), makeCheap({ failed: 10 }))).toHaveLength(1);
  expect(find(makeDear(), makeCheap({ failed: 10, timeouts: 1 }))).toEqual([]);
});

it("wants enough executions of each", () => {
  const few = { executions: EXECUTIONS_MIN, priced: EXECUTIONS_MIN, failed: 0, costPico: usd(6) };
  expect(find(makeDear(), makeCheap(few))).toHaveLength(1);
  expect(find(makeDear(), makeCheap({ ...few, executions: EXECUTIONS_MIN - 1 }))).toEqual([]);
  expect(find(makeDear(), makeCheap({ ...few, priced: EXECUTIONS_MIN - 1 }))).toEqual([]);
});

it("wants a tenth less cost", () => {
  expect(find(makeDear(), makeCheap({ costPico: usd(90) }))).toHaveLength(1);
  expect(find(makeDear(), makeCheap({ costPico: usd(90.01) }))).toEqual([]);
});

it("compares the same work only", () => {
  expect(find(makeDear(), makeCheap({ repository: "acme/web" }))).toEqual([]);
  expect(find(makeDear(), makeCheap({ taskKind: "test" }))).toEqual([]);
  expect(find(makeDear(), makeCheap({ commandBase: "/test" }))).toEqual([]);
});

it("is less sure with fewer runs, and when the dear model was given larger ones", () => {
  const small = [
    makeDear(ofAll(12, { costPico: usd(12) })),
    makeCheap(ofAll(12, { costPico: usd(2) })),
  ] as const;
  expect(find(...small)[0]?.confidence.level).not.toBe("high");
  const larger = makeDear({ usage: { ...NO_USAGE, output_tokens: 3_000_001 } });
  expect(find(larger, makeCheap())[0]?.confidence.level).toBe("medium");
});

it("does not promise what a model with a price by size might not keep", () => {
  const haiku = makeCheap({ model: "claude-haiku-5-5", costPico: usd(5) });
  // 20 M × $0.50 + 2 M × $2.50 at the dearest of its prices.
  expect(find(makeDear(), haiku)[0]?.evidence["saving_by_list_price_usd"]).toBe("85");
});

it("measures what a run of the work costs with whichever model", () => {
  const subject = {
    command_base: "/fix",
    task_kind: "fix",
    repository: "acme/shop",
    model: "claude-opus-5-5",
  };
  const moved = makeFacts({ cells: [makeCheap()] });
  expect(cheaperModel.measure(moved, subject)).toEqual({ costPico: usd(50), units: 100, unit: "execution" });
  expect(cheaperModel.measure(makeFacts(), subject)).toBeNull();
});
