import { dollars, exactUsd } from "../amounts.ts";
import { inRepository, taskKey } from "../names.ts";
import type { Facts } from "../facts.ts";
import type { Found, Rule } from "../rule.ts";
import { countOf, groupTasks, moneyOf, type Task } from "../tasks.ts";
import { isRepeated } from "./repeated-failures.ts";

/** One or two are nothing to act on. */
export const EXECUTIONS_MIN = 3;

interface Lost {
  repository: string | null;
  tasks: Task[];
  failures: number;
  failuresPriced: number;
  failuresPico: bigint;
  empty: number;
  emptyPriced: number;
  emptyPico: bigint;
  executions: number;
}

/**
 * Money that went into runs nothing came of, spread over commands.
 *
 * Inputs, by repository: executions that failed or timed out in tasks that `repeated_failures` does not take, and executions
 * that completed with tokens but without a single one of output; their cost.
 * Output: saving = Σ cost_usd of both; null when none has a cost.
 * Silent below EXECUTIONS_MIN such executions.
 * Overlap: a failed execution counts either here or in `repeated_failures`, never in both: its whole task belongs to one.
 */
export const noResult: Rule = {
  name: "no_result",
  silentWhen: `fewer than ${EXECUTIONS_MIN} runs of a repository ended without a result, beside those of repeated failures`,
  find: (facts) =>
    lostByRepository(facts)
      .filter(({ failures, empty }) => failures + empty >= EXECUTIONS_MIN)
      .map(describe),
  measure(facts, subject) {
    // All that is lost in the repository: what only moved over to repeated failures is not saved.
    const cells = facts.cells.cells.filter(({ repository }) => repository === subject["repository"]);
    const units = countOf(cells, "executions");
    if (units === 0) return null;
    return {
      costPico: moneyOf(cells, "lostCostPico") + moneyOf(cells, "emptyCostPico"),
      units,
      unit: "execution",
    };
  },
};

function lostByRepository({ cells }: Facts): Lost[] {
  const repositories = Map.groupBy(groupTasks(cells.cells), ({ repository }) => repository);
  return [...repositories].map(([repository, all]) => {
    const single = all.filter((task) => !isRepeated(task)).flatMap((task) => task.cells);
    const every = all.flatMap((task) => task.cells);
    return {
      repository,
      tasks: all.filter(
        (task) =>
          countOf(task.cells, "empty") > 0 ||
          (!isRepeated(task) && countOf(task.cells, "failed") + countOf(task.cells, "timeouts") > 0),
      ),
      failures: countOf(single, "failed") + countOf(single, "timeouts"),
      failuresPriced: countOf(single, "lostPriced"),
      failuresPico: moneyOf(single, "lostCostPico"),
      empty: countOf(every, "empty"),
      emptyPriced: countOf(every, "emptyPriced"),
      emptyPico: moneyOf(every, "emptyCostPico"),
      executions: countOf(every, "executions"),
    };
  });
}

function describe(lost: Lost): Found {
  const { repository, failures, empty, executions } = lost;
  const priced = lost.failuresPriced + lost.emptyPriced;
  const cost = lost.failuresPico + lost.emptyPico;
  return {
    subject: { repository },
    title: `${failures + empty} of ${executions} runs ${inRepository(repository)} ended without a result`,
    advice:
      "No single command stands out. Look at the dearest of these runs; a time or turn limit, and a retry that continues instead of starting over, keep single failures cheap.",
    savingPico: priced === 0 ? null : cost,
    how:
      priced === 0
        ? "none of these runs has a known cost"
        : `${partsOf(lost).join(" and ")}; what fails again and again is a finding of its own and not in here`,
    confidence: {
      level: "low",
      because: "the cost is exact, but single failures seldom have one cause, and some cannot be avoided",
    },
    scope: {
      repositories: [repository],
      tasks: lost.tasks.map(({ commandBase, taskKind }) => taskKey(commandBase, taskKind)).sort(),
      commands: [...new Set(lost.tasks.map(({ commandBase }) => commandBase))].sort(),
      ...(empty > 0 ? {} : { outcomes: ["lost"] as const }),
    },
    evidence: {
      executions,
      failed_or_timed_out: failures,
      completed_without_output: empty,
      without_cost: failures + empty - priced,
      failed_cost_usd: knownUsd(failures, lost.failuresPriced, lost.failuresPico),
      without_output_cost_usd: knownUsd(empty, lost.emptyPriced, lost.emptyPico),
    },
  };
}

/** Of no runs at all it is known that they cost nothing. */
function knownUsd(runs: number, priced: number, cost: bigint): string | null {
  return runs > 0 && priced === 0 ? null : exactUsd(cost);
}

function partsOf({ failures, failuresPico, empty, emptyPico }: Lost): string[] {
  const parts: string[] = [];
  if (failures > 0) parts.push(`${failures} runs that failed or timed out cost ${dollars(failuresPico)}`);
  if (empty > 0) parts.push(`${empty} runs that completed without any output cost ${dollars(emptyPico)}`);
  return parts;
}
