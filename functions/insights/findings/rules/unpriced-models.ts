import { dollars, exactUsd, percent } from "../amounts.ts";
import { modelName } from "../names.ts";
import type { Facts } from "../facts.ts";
import type { Found, Rule } from "../rule.ts";
import { countOf } from "../tasks.ts";

/**
 * Executions whose tokens are known and whose model has no price: their cost is in no sum.
 *
 * Inputs, by model: executions with the cost basis `unpriced` and tokens above zero, their tokens, and what their agents said
 * they cost.
 * Output: these figures; the saving is null, because a cost that is not known cannot be saved.
 * Silent when every execution with tokens has a price. Executions without tokens are not meant: no price would help them.
 */
export const unpricedModels: Rule = {
  name: "unpriced_models",
  silentWhen: "every execution with known tokens has a price",
  find: (facts) => {
    const models = Map.groupBy(
      facts.cells.cells.filter(({ unpriced }) => unpriced > 0),
      ({ model }) => model,
    );
    return [...models].map(([model, cells]) => describe(model, cells, facts));
  },
  measure: () => null,
};

function describe(model: string | null, cells: Facts["cells"]["cells"], { cells: all }: Facts): Found {
  const executions = countOf(cells, "unpriced");
  const tokens = countOf(cells, "unpricedTokens");
  const reported = countOf(cells, "unpricedReported");
  const reportedPico = cells.reduce((sum, cell) => sum + (cell.unpricedReportedPico ?? 0n), 0n);
  return {
    subject: { model },
    title: `${modelName(model)}: ${executions} executions have no known price and are in no sum`,
    advice:
      model === null
        ? "Have the sender tell the model of each request; without it there is no price."
        : `Check the name, or have ${model} added to the price table; an agent that sends requests[] is priced by the model of each.`,
    savingPico: null,
    how:
      reported === 0
        ? "their cost is not known, so neither is a saving"
        : `their cost is not known, so neither is a saving; ${reported} of them reported ${dollars(reportedPico)} themselves`,
    confidence: { level: "high", because: "counted, not estimated" },
    scope: {
      models: [model],
      repositories: [...new Set(cells.map(({ repository }) => repository))],
      commands: [...new Set(cells.map(({ commandBase }) => commandBase))].sort(),
    },
    evidence: {
      executions,
      share_of_all: percent(executions, all.executions),
      tokens,
      reported_by: reported,
      reported_usd: reported === 0 ? null : exactUsd(reportedPico),
    },
  };
}
