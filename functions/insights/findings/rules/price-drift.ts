import type { PriceComparison } from "../../../../shared/insight-cells.ts";
import { dollars, exactUsd, percent } from "../amounts.ts";
import { modelName } from "../names.ts";
import { TOLERANCE } from "../price-tolerance.ts";
import type { Found, Rule } from "../rule.ts";

/** Fewer may be one session that was resumed and reported twice. */
export const DIFFERING_MIN = 5;
/** Of the compared executions: less is what rounding, fast modes and single oddities explain. */
export const PERCENT_MIN = 5;

/**
 * Agents that report other costs than the price table computes.
 *
 * Inputs, by model and agent version: executions with a reported and a computed cost, both sums, and how many of them are
 * apart by more than TOLERANCE (the greater of a tenth of a cent and a hundredth of the computed cost).
 * Output: the difference of the sums as evidence; the saving is null, because a difference is to be explained, not saved.
 * Silent below DIFFERING_MIN such executions or PERCENT_MIN % of those compared.
 */
export const priceDrift: Rule = {
  name: "price_drift",
  silentWhen: `reported and computed costs agree within ${dollars(1_000_000_000n)} or ${Number(TOLERANCE.share) * 100} %, but for fewer than ${DIFFERING_MIN} executions or ${PERCENT_MIN} % of them`,
  find: ({ cells }) =>
    cells.prices
      .filter(
        ({ differing, compared }) => differing >= DIFFERING_MIN && differing * 100 >= compared * PERCENT_MIN,
      )
      .map(describe),
  measure: () => null,
};

function describe(prices: PriceComparison): Found {
  const { model, agentVersion, compared, differing, reportedPico, computedPico } = prices;
  const difference = reportedPico - computedPico;
  const size = difference < 0n ? -difference : difference;
  const agent = agentVersion === null ? "agents of an unknown version" : `agents of version ${agentVersion}`;
  return {
    subject: { model, agent_version: agentVersion },
    title: `${modelName(model)}: ${agent} report ${dollars(size)} ${difference < 0n ? "less" : "more"} than the price table computes`,
    advice:
      "Compare with the provider's invoice. When the agent is right, the price table needs the new price; when the table is, update the agent: old ones charge a cache of an hour like one of five minutes.",
    savingPico: null,
    how: `a difference to be explained, nothing to be saved: ${compared} executions report ${dollars(reportedPico)}, the same come to ${dollars(computedPico)} by the price table`,
    confidence: {
      level: differing * 2 >= compared ? "high" : "medium",
      because: `${differing} of ${compared} executions are apart by more than the tolerance`,
    },
    scope: { models: [model] },
    evidence: {
      executions_compared: compared,
      executions_differing: differing,
      reported_usd: exactUsd(reportedPico),
      computed_usd: exactUsd(computedPico),
      difference_usd: exactUsd(difference),
      difference_percent: computedPico === 0n ? null : percent(Number(difference), Number(computedPico)),
      agent_version: agentVersion,
    },
  };
}
