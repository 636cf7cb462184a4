import { costOfRequest } from "../../../../shared/agent/cost.ts";
import { findPrice, type FindPrice } from "../../../../shared/agent/find-price.ts";
import type { LongRequests } from "../../../../shared/postgres/insight-requests.ts";
import { dollars, exactUsd, percent } from "../amounts.ts";
import type { Facts } from "../facts.ts";
import { TIERS } from "../facts.ts";
import type { Found, Rule } from "../rule.ts";

/** Fewer long requests are an accident. */
export const LONG_REQUESTS_MIN = 3;

/**
 * Requests whose prompt was longer than the size from which their model charges more for the whole request.
 *
 * Inputs: for each model with such a size, the tokens by kind of the requests above it, of the sessions with the longest
 * prompts or the most cache writes; with speed and region as they were billed.
 * Output: saving = cost of these requests at the rates above the size − cost of the same tokens at the rates below it.
 * Silent below LONG_REQUESTS_MIN such requests, and for models with one price for every size.
 */
export const priceCliff: Rule = {
  name: "price_cliff",
  silentWhen: `fewer than ${LONG_REQUESTS_MIN} requests went above the size from which their model gets dearer`,
  find: (facts) => [...new Set(TIERS.map(({ model }) => model))].flatMap((model) => describe(facts, model)),
  measure(facts, subject) {
    const all = facts.requests.long.filter(({ model }) => model === subject["model"]);
    const units = all.reduce((count, { requests }) => count + requests, 0);
    const premium = premiumOf(
      all.filter(({ isLong }) => isLong),
      facts.range.to,
    );
    return units === 0 || premium === null ? null : { costPico: premium, units, unit: "request" };
  },
};

function describe({ requests, range }: Facts, model: string): Found[] {
  const all = requests.long.filter((group) => group.model === model);
  const long = all.filter(({ isLong }) => isLong);
  const count = long.reduce((sum, group) => sum + group.requests, 0);
  const premium = premiumOf(long, range.to);
  if (count < LONG_REQUESTS_MIN || premium === null || premium <= 0n) return [];
  const examined = all.reduce((sum, group) => sum + group.requests, 0);
  const size = TIERS.find((tier) => tier.model === model)?.abovePromptTokens ?? 0;
  const repositories = allNames(long.map((group) => group.repositories));
  const models = allNames(long.map((group) => group.executionModels));
  return [
    {
      subject: { model },
      title: `${model}: ${count} requests above ${size} prompt tokens, where the whole request gets dearer`,
      advice: `Keep prompts to ${model} at ${size} tokens or below: compact earlier, hand sub-agents less, or take a model without a size limit for long work.`,
      savingPico: premium,
      how: `${count} of ${examined} requests looked into cost ${dollars(premium)} more than the same tokens at the rates for up to ${size} prompt tokens`,
      confidence: {
        level: "medium",
        because:
          "the surcharge is exact; how much of it goes away depends on how much shorter the prompts can be",
      },
      scope: {
        requestModels: [model],
        ...(models === null ? {} : { models }),
        ...(repositories === null ? {} : { repositories }),
      },
      evidence: {
        requests_examined: examined,
        requests_above: count,
        share_above: percent(count, examined),
        prompt_tokens_limit: size,
        surcharge_usd: exactUsd(premium),
      },
    },
  ];
}

/** Null when a group has too many to tell: then any may be meant. */
function allNames(groups: readonly (readonly (string | null)[] | null)[]): (string | null)[] | null {
  const names = groups.flatMap((group) => group ?? []);
  return groups.includes(null) ? null : [...new Set(names)].sort((a, b) => ((a ?? "") < (b ?? "") ? -1 : 1));
}

/** What the groups cost above the rates of short prompts; null when one has no price. */
function premiumOf(groups: readonly LongRequests[], at: Date): bigint | null {
  let sum = 0n;
  for (const { model, speed, inferenceGeo, usage } of groups) {
    const request = {
      model,
      timestamp: at.toISOString(),
      usage,
      speed,
      inference_geo: inferenceGeo ?? undefined,
    };
    const long = costOfRequest(request, withRatesOf(true));
    const short = costOfRequest(request, withRatesOf(false));
    if (long === null || short === null) return null;
    sum += long.costPico - short.costPico;
  }
  return sum;
}

/** Many requests are summed, so the sum's own size must not choose the rates. */
function withRatesOf(long: boolean): FindPrice {
  return (model, timestamp) => {
    const price = findPrice(model, timestamp);
    if (price === null) return null;
    return { ...price, rates: long ? (price.tiers[0]?.rates ?? price.rates) : price.rates, tiers: [] };
  };
}
