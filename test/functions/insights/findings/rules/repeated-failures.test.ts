import { expect, it } from "vitest";
import {
  FAILURES_MIN,
  PERCENT_MIN,
  repeatedFailures,
} from "../../../../../functions/insights/findings/rules/repeated-failures.ts";
import { makeCell, makeFacts, usd } from "../make-facts.ts";

const find = (failed: number, executions: number) =>
  repeatedFailures.find(makeFacts({ cells: [makeCell({ failed, executions })] }));
const task = { commandBase: "/fix", taskKind: "fix", repository: "acme/shop" };

it("finds work that fails again and again, over all models, with what it cost and why", () => {
  const [found] = repeatedFailures.find(
    makeFacts({
      cells: [
        makeCell({ failed: 4, timeouts: 6, lostPriced: 10, lostCostPico: usd(12.5) }),
        makeCell({ model: "claude-haiku-5-5", failed: 2, lostPriced: 1, lostCostPico: usd(0.5) }),
      ],
      failures: [
        { ...task, failureClass: "timeout", executions: 8, priced: 8, costPico: usd(10) },
        { ...task, failureClass: "network", executions: 4, priced: 3, costPico: usd(3) },
        {
          ...task,
          repository: "other",
          failureClass: "tests",
          executions: 99,
          priced: 99,
          costPico: usd(99),
        },
      ],
    }),
  );
  expect(found).toMatchObject({
    subject: { command_base: "/fix", task_kind: "fix", repository: "acme/shop" },
    savingPico: usd(13),
    confidence: { level: "high" },
    scope: { outcomes: ["lost"] },
    evidence: {
      executions: 40,
      failed: 6,
      timeouts: 6,
      without_cost: 1,
      lost_cost_usd: "13",
      classes: [
        { class: "timeout", executions: 8 },
        { class: "network", executions: 4 },
      ],
    },
  });
  expect(found?.advice).toContain("time limit");
});

it("wants three failures and one of ten runs", () => {
  expect(find(FAILURES_MIN - 1, 4)).toEqual([]);
  expect(find(FAILURES_MIN, (FAILURES_MIN * 100) / PERCENT_MIN)).toHaveLength(1);
  expect(find(FAILURES_MIN, (FAILURES_MIN * 100) / PERCENT_MIN + 1)).toEqual([]);
  expect(find(0, 20)).toEqual([]);
});

it("knows no saving when no failed run has a cost", () => {
  const [found] = repeatedFailures.find(makeFacts({ cells: [makeCell({ failed: 5, lostPriced: 0 })] }));
  expect(found).toMatchObject({ savingPico: null, evidence: { lost_cost_usd: null } });
});

it("gives no advice against a cause that less than half of the failures have", () => {
  const cells = [makeCell({ failed: 5, lostPriced: 5, lostCostPico: usd(5) })];
  const failures = [
    { ...task, failureClass: "permission", executions: 2, priced: 2, costPico: usd(2) },
    { ...task, failureClass: "network", executions: 2, priced: 2, costPico: usd(2) },
    { ...task, failureClass: "tests", executions: 1, priced: 1, costPico: usd(1) },
  ];
  const [found] = repeatedFailures.find(makeFacts({ cells, failures }));
  expect(found?.advice).toContain("what they have in common");
  expect(found?.confidence.level).toBe("low");
});
