import { costOfRequest } from "../../../../shared/agent/cost.ts";
import { findPrice } from "../../../../shared/agent/find-price.ts";
import type { InsightCell } from "../../../../shared/insight-cells.ts";
import { divideRounded, dollars, exactUsd, percent } from "../amounts.ts";
import { shareAbove } from "../beta-difference.ts";
import { commandName, inRepository, taskKey } from "../names.ts";
import type { Confidence, Found, Rule } from "../rule.ts";
import { countOf, findTask, groupTasks, moneyOf, subjectOf, type Task } from "../tasks.ts";

/** Of each model: with fewer, one failure more or less would turn the answer around. */
export const EXECUTIONS_MIN = 12;
/** The cheaper one must cost at least a tenth less, or the difference is noise. */
const COST_PERCENT_MAX = 90n;
/** How much worse the cheaper model may truly be and still count as "as good". */
const MARGIN = 0.05;
const SURE = 0.95;
const LIKELY = 0.8;
/** One that was given runs with this many times the output was given other work. */
const OUTPUT_RATIO_MAX = 1.5;

interface Choice {
  cheaper: InsightCell;
  savingPico: bigint;
  byMeanPico: bigint;
  byPricePico: bigint;
  notWorse: number;
}

/**
 * A dear model on work where a cheaper one succeeded as often here.
 *
 * Inputs, for one command, kind of task and repository: executions, completed ones, cost and tokens of each model.
 * The cheaper model C must have at least EXECUTIONS_MIN executions, as must the dear one D, a share of completed ones not
 * below D's, and a mean cost of at most COST_PERCENT_MAX % of D's.
 * Output: saving = the smaller of (cost of D − executions of D × mean cost of C) and (cost of D − the tokens of D at the list
 * prices of C, the dearest where C has prices by size): what both ways of looking at it bear out. The C that saves most.
 * Confidence: the probability that C's true share of completed runs is not more than MARGIN below D's (Beta posteriors with a
 * flat prior): high from SURE, medium from LIKELY; a step lower when D's runs wrote over OUTPUT_RATIO_MAX times the output of
 * C's, because it then was given other work.
 */
export const cheaperModel: Rule = {
  name: "cheaper_model",
  silentWhen: `no cheaper model had ${EXECUTIONS_MIN} executions of the same command, kind of task and repository as a dearer one with as many, and completed as large a share`,
  find: ({ cells, range }) =>
    groupTasks(cells.cells).flatMap((task) =>
      task.cells.flatMap((dear) => describe(task, dear, range.to.toISOString())),
    ),
  // Of all models together, because the work is to move from one to another.
  measure({ cells }, subject) {
    const task = findTask(cells.cells, subject);
    const units = task === undefined ? 0 : countOf(task.cells, "priced");
    return task === undefined || units === 0
      ? null
      : { costPico: moneyOf(task.cells, "costPico"), units, unit: "execution" };
  },
};

function describe(task: Task, dear: InsightCell, at: string): Found[] {
  const choices = task.cells.flatMap((cheaper) => compare(dear, cheaper, at));
  const [best] = choices.toSorted((a, b) => (a.savingPico < b.savingPico ? 1 : -1));
  if (best === undefined) return [];
  const { cheaper, savingPico, byMeanPico, byPricePico } = best;
  const name = commandName(task.commandBase, task.taskKind);
  return [
    {
      subject: { ...subjectOf(task), model: dear.model },
      title: `${name} ${inRepository(task.repository)}: ${cheaper.model} did as well as ${dear.model}, for less`,
      advice: `Use ${cheaper.model} for it there, and ${dear.model} for what fails.`,
      savingPico,
      how: `${dear.executions} runs with ${dear.model} cost ${dollars(dear.costPico)}: at the mean cost of ${cheaper.model} here that is ${dollars(byMeanPico)} less, with the same tokens at its prices ${dollars(byPricePico)} less; the smaller of the two counts`,
      confidence: confidenceOf(dear, best),
      scope: {
        commands: [task.commandBase],
        tasks: [taskKey(task.commandBase, task.taskKind)],
        repositories: [task.repository],
        models: [dear.model],
      },
      evidence: {
        dear: figuresOf(dear),
        cheaper: figuresOf(cheaper),
        saving_by_mean_cost_usd: exactUsd(byMeanPico),
        saving_by_list_price_usd: exactUsd(byPricePico),
        probability_not_worse: Math.round(best.notWorse * 1_000) / 1_000,
        margin: MARGIN,
      },
    },
  ];
}

function compare(dear: InsightCell, cheaper: InsightCell, at: string): Choice[] {
  if (dear === cheaper || dear.model === null || cheaper.model === null) return [];
  if (Math.min(dear.executions, dear.priced, cheaper.executions, cheaper.priced) < EXECUTIONS_MIN) return [];
  const [done, doneCheaper] = [completedOf(dear), completedOf(cheaper)];
  if (doneCheaper * dear.executions < done * cheaper.executions) return [];
  const wouldCost = divideRounded(cheaper.costPico * BigInt(dear.priced), BigInt(cheaper.priced));
  if (wouldCost * 100n > dear.costPico * COST_PERCENT_MAX) return [];
  const repriced = atPricesOf(cheaper.model, dear, at);
  if (repriced === null) return [];
  const byMeanPico = dear.costPico - wouldCost;
  const byPricePico = dear.costPico - repriced;
  const savingPico = byMeanPico < byPricePico ? byMeanPico : byPricePico;
  if (savingPico <= 0n) return [];
  const notWorse = shareAbove(
    { successes: doneCheaper, trials: cheaper.executions },
    { successes: done, trials: dear.executions },
    -MARGIN,
  );
  return [{ cheaper, savingPico, byMeanPico, byPricePico, notWorse }];
}

/** The tokens of all runs in one sum, so that prices by size cannot be told: the dearest holds. */
function atPricesOf(model: string, { usage }: InsightCell, at: string): bigint | null {
  const cost = costOfRequest({ model, timestamp: at, usage }, (name, timestamp) => {
    const price = findPrice(name, timestamp);
    return price === null ? null : { ...price, rates: price.tiers.at(-1)?.rates ?? price.rates, tiers: [] };
  });
  return cost?.costPico ?? null;
}

const LEVELS = ["low", "medium", "high"] as const;

function confidenceOf(dear: InsightCell, { cheaper, notWorse }: Choice): Confidence {
  const sure = notWorse >= SURE ? 2 : notWorse >= LIKELY ? 1 : 0;
  const isOther = meanOutput(dear) > OUTPUT_RATIO_MAX * meanOutput(cheaper);
  const level = LEVELS[Math.max(0, isOther ? sure - 1 : sure)] ?? "low";
  const chance = `${percent(notWorse, 1)} likely that it succeeds at least as often, give or take ${MARGIN * 100} points, over ${cheaper.executions} and ${dear.executions} runs`;
  return {
    level,
    because: isOther ? `${chance}; but ${dear.model} was given runs with more output` : chance,
  };
}

function completedOf({ executions, failed, timeouts }: InsightCell): number {
  return executions - failed - timeouts;
}

function meanOutput({ usage, measured }: InsightCell): number {
  return measured === 0 ? 0 : usage.output_tokens / measured;
}

function figuresOf(cell: InsightCell): Record<string, unknown> {
  return {
    model: cell.model,
    executions: cell.executions,
    completed: completedOf(cell),
    cost_usd: exactUsd(cell.costPico),
    mean_cost_usd: exactUsd(divideRounded(cell.costPico, BigInt(cell.priced))),
    mean_output_tokens: Math.round(meanOutput(cell)),
  };
}
