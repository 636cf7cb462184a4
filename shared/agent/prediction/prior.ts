import type { FailurePrior } from "./failure.ts";
import type { QuantityModel } from "./predict.ts";
import type { Quantity } from "./quantity.ts";
import { settingsOf } from "./settings.ts";
import type { LogPrior } from "./shrink.ts";

/**
 * Mean and deviation of logarithms (quantity.ts) over sessions of an organization not seen yet; the cost is relative to the
 * price of the model (model-price.ts), which is how it carries over to other models. One row for every kind of command:
 * rows by kind foretold repositories that had no part in them worse. Source: sessions of public repositories, aggregated;
 * `npm run bench -- prediction` prints the row of its file.
 */
const TABLE: Readonly<Record<Quantity, readonly [mean: number, deviation: number]>> = {
  cost_usd: [1.1, 1.5],
  input_tokens: [5, 2.1],
  output_tokens: [7.5, 2.4],
  cache_write_tokens: [11.6, 1.3],
  cache_read_tokens: [14.5, 2],
  total_tokens: [14.6, 1.8],
  duration_ms: [12.7, 1.1],
};

/** Ten executions of one's own say more than what others' sessions are like. */
const WEIGHT = 10;

/** What is expected of a command in an organization without a past. */
export function priorOf(quantity: Quantity): LogPrior {
  const [mean, deviation] = TABLE[quantity];
  return { mean, deviation, weight: WEIGHT };
}

/** About three in a hundred of the same sessions met an error of the API. */
export const FAILURE_PRIOR: FailurePrior = { probability: 0.03, weight: 20 };

/** What predicts a quantity until the organization's own past has taught a model. */
export function coldModel(quantity: Quantity): QuantityModel {
  return {
    settings: settingsOf(quantity)[0],
    trust: {},
    // The deciles of the normal distribution.
    calibration: { z10: -1.2816, z50: 0, z90: 1.2816 },
    records: {},
  };
}
