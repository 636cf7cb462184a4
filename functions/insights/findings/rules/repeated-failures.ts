import type { InsightFailures } from "../../../../shared/postgres/insight-failures.ts";
import { dollars, exactUsd, percent } from "../amounts.ts";
import { commandName, inRepository, taskKey } from "../names.ts";
import type { Confidence, Found, Rule } from "../rule.ts";
import { countOf, findTask, groupTasks, keyOfTask, moneyOf, subjectOf, type Task } from "../tasks.ts";

/** Two may be chance; three of the same kind are worth a look. */
export const FAILURES_MIN = 3;
/** What fails in fewer than one of ten runs is mostly the weather: overloads, somebody's Ctrl-C. */
export const PERCENT_MIN = 10;
/** Below this many the cause may be several. */
const FAILURES_SURE = 10;
const SAME_CAUSE_PERCENT = 60;

/**
 * Work that fails or runs into its time limit again and again, with what these runs cost.
 *
 * Inputs, for one command, kind of task and repository, over all models: executions, failed and timed-out ones, their cost,
 * and their classes of failure.
 * Output: saving = Σ cost_usd of the failed and timed-out executions; null when none of them has a cost.
 * Silent below FAILURES_MIN failures or PERCENT_MIN % of the executions.
 * Overlap: what is counted here is left out by `no_result`.
 */
export const repeatedFailures: Rule = {
  name: "repeated_failures",
  silentWhen: `no command failed or timed out ${FAILURES_MIN} times and in ${PERCENT_MIN} % of its runs`,
  find({ cells, failures }) {
    const classes = Map.groupBy(failures, keyOfTask);
    return groupTasks(cells.cells)
      .filter(isRepeated)
      .map((task) => describe(task, classes.get(keyOfTask(task)) ?? []));
  },
  measure({ cells }, subject) {
    const task = findTask(cells.cells, subject);
    if (task === undefined) return null;
    return {
      costPico: moneyOf(task.cells, "lostCostPico"),
      units: countOf(task.cells, "executions"),
      unit: "execution",
    };
  },
};

/** Whether this rule takes the failures of the task. */
export function isRepeated(task: Task): boolean {
  const failures = failuresOf(task);
  return failures >= FAILURES_MIN && failures * 100 >= countOf(task.cells, "executions") * PERCENT_MIN;
}

function failuresOf({ cells }: Task): number {
  return countOf(cells, "failed") + countOf(cells, "timeouts");
}

function describe(task: Task, ofTask: readonly InsightFailures[]): Found {
  const executions = countOf(task.cells, "executions");
  const failures = failuresOf(task);
  const timeouts = countOf(task.cells, "timeouts");
  const priced = countOf(task.cells, "lostPriced");
  const cost = moneyOf(task.cells, "lostCostPico");
  const classes = ofTask.map(({ failureClass, executions: count }) => ({
    class: failureClass,
    executions: count,
  }));
  const name = commandName(task.commandBase, task.taskKind);
  const [most] = classes;
  return {
    subject: subjectOf(task),
    title: `${name} ${inRepository(task.repository)}: ${failures} of ${executions} runs failed or timed out`,
    // Advice against a cause that only some of the failures have would promise too much.
    advice: adviceOf(most !== undefined && most.executions * 2 >= failures ? most.class : undefined),
    savingPico: priced === 0 ? null : cost,
    how:
      priced === 0
        ? "none of the failed runs has a known cost"
        : `the ${priced} failed or timed-out runs with a known cost came to ${dollars(cost)}${priced < failures ? `; ${failures - priced} more have none` : ""}`,
    confidence: confidenceOf(failures, most),
    scope: {
      commands: [task.commandBase],
      tasks: [taskKey(task.commandBase, task.taskKind)],
      repositories: [task.repository],
      outcomes: ["lost"],
    },
    evidence: {
      executions,
      failed: failures - timeouts,
      timeouts,
      failure_rate: percent(failures, executions),
      without_cost: failures - priced,
      lost_cost_usd: priced === 0 ? null : exactUsd(cost),
      classes,
      models: [
        ...new Set(task.cells.filter((cell) => cell.failed + cell.timeouts > 0).map(({ model }) => model)),
      ],
    },
  };
}

function confidenceOf(failures: number, most: { class: string; executions: number } | undefined): Confidence {
  const share = most === undefined ? 0 : most.executions * 100;
  if (most !== undefined && share >= failures * SAME_CAUSE_PERCENT && failures >= FAILURES_SURE) {
    return {
      level: "high",
      because: `${percent(most.executions, failures)} of ${failures} failures are of one class, ${most.class}`,
    };
  }
  if (failures >= FAILURES_SURE || share >= failures * SAME_CAUSE_PERCENT) {
    return {
      level: "medium",
      because: `the cost is exact; the ${failures} failures may not all go away by one change`,
    };
  }
  return {
    level: "low",
    because: `only ${failures} failures, of several classes: the cost is exact, the cause is not known`,
  };
}

const ADVICE: Readonly<Record<string, string>> = {
  rate_limit:
    "Spread these runs over time or raise the provider's limit: they end on overload or rate limits.",
  context_limit: "Give these runs less to read or compact earlier: they end at the context limit.",
  turn_limit:
    "Cut the task into smaller ones, or raise the limit of turns: they end there with the work half done.",
  budget: "Raise the budget or cut the task: they end when it is used up, with the work half done.",
  permission:
    "Allow the tool these runs need beforehand, or stop asking for it: they end on a missing permission.",
  timeout: "Raise the time limit or cut the task: these runs are ended by it, and all they cost is lost.",
  interrupted: "Ask who stops these runs and why: they are interrupted by hand or by the machine.",
  network: "Look at the network between agent and provider: these runs end on connection errors.",
  conflict: "Bring the working tree up to date before these runs: they end on conflicts.",
  tests: "Repair or skip the failing tests before the agent starts: these runs end on them.",
  exit_code: "Look at the command these runs end on: it exits with an error again and again.",
};

function adviceOf(failureClass: string | undefined): string {
  return (
    ADVICE[failureClass ?? ""] ??
    "Look at the messages of the failed runs and remove what they have in common; until then, stop running it unattended."
  );
}
