import { expect, it } from "vitest";
import { EXECUTIONS_MIN, noResult } from "../../../../../functions/insights/findings/rules/no-result.ts";
import { repeatedFailures } from "../../../../../functions/insights/findings/rules/repeated-failures.ts";
import type { InsightCell } from "../../../../../shared/insight-cells.ts";
import { makeCell, makeFacts, usd } from "../make-facts.ts";

const find = (...cells: InsightCell[]) => noResult.find(makeFacts({ cells }));
/** Two of fifty: not often enough to be repeated. */
const single = makeCell({ executions: 50, failed: 2, lostPriced: 2, lostCostPico: usd(3) });

it("adds up single failures and runs that completed without output, by repository", () => {
  const [found] = find(
    single,
    makeCell({ commandBase: "/plan", empty: 2, emptyPriced: 2, emptyCostPico: usd(0.5) }),
  );
  expect(found).toMatchObject({
    subject: { repository: "acme/shop" },
    savingPico: usd(3.5),
    evidence: { failed_or_timed_out: 2, completed_without_output: 2, failed_cost_usd: "3" },
  });
});

it("never counts a failure that repeated failures count", () => {
  const often = makeCell({ commandBase: "/ci", failed: 8, lostPriced: 8, lostCostPico: usd(8) });
  const other = makeCell({
    commandBase: "/docs",
    executions: 50,
    timeouts: 1,
    lostPriced: 1,
    lostCostPico: usd(2),
  });
  const cells = [single, often, other];
  const taken = repeatedFailures.find(makeFacts({ cells }));
  const rest = find(...cells);
  expect(taken.map(({ savingPico }) => savingPico)).toEqual([usd(8)]);
  expect(rest.map(({ savingPico }) => savingPico)).toEqual([usd(3 + 2)]);
  expect(rest[0]?.scope.commands).toEqual(["/docs", "/fix"]);
});

it("is silent one run below the least, and speaks at it", () => {
  expect(find(single)).toEqual([]);
  expect(single.failed + 1).toBe(EXECUTIONS_MIN);
  expect(find(single, makeCell({ commandBase: "/docs", executions: 50, failed: 1 }))).toHaveLength(1);
  expect(find(makeCell())).toEqual([]);
});

it("knows no saving when none of the runs has a cost", () => {
  const [found] = find(makeCell({ executions: 50, failed: 4 }));
  expect(found).toMatchObject({
    savingPico: null,
    evidence: { failed_cost_usd: null, without_cost: 4, without_output_cost_usd: "0" },
  });
});

it("measures all that is lost in a repository, so that nothing counts as saved by becoming repeated", () => {
  const often = makeCell({ commandBase: "/ci", failed: 8, lostPriced: 8, lostCostPico: usd(8) });
  expect(noResult.measure(makeFacts({ cells: [single, often] }), { repository: "acme/shop" })).toEqual({
    costPico: usd(11),
    units: 70,
    unit: "execution",
  });
  expect(noResult.measure(makeFacts(), { repository: "acme/shop" })).toBeNull();
});
