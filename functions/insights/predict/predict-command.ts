import { type FailurePrediction, predictFailure } from "../../../shared/agent/prediction/failure.ts";
import { summariesOf } from "../../../shared/agent/prediction/key-evidence.ts";
import { NO_SUMMARY } from "../../../shared/agent/prediction/log-summary.ts";
import { logModelPrice } from "../../../shared/agent/prediction/model-price.ts";
import type { FailureRecord } from "../../../shared/agent/prediction/organization-model.ts";
import { forecastLog, type Prediction, toPrediction } from "../../../shared/agent/prediction/predict.ts";
import { coldModel, FAILURE_PRIOR, priorOf } from "../../../shared/agent/prediction/prior.ts";
import { mapQuantities, type Quantity } from "../../../shared/agent/prediction/quantity.ts";
import { PRICE_VERSION } from "../../../shared/agent/prices.ts";
import type { CommandKeys } from "./command-keys.ts";
import type { Evidence } from "./read-evidence.ts";

export interface CommandPrediction {
  quantities: Record<Quantity, Prediction>;
  /** Why the cost among them means nothing; null when it does. */
  costUnknown: string | null;
  failure: FailurePrediction & { record: FailureRecord | null };
}

/** What is expected of a command that starts `now` (ms since 1970) with a model, from the evidence of its keys. */
export function predictCommand(
  { keys }: CommandKeys,
  model: string | null,
  evidence: Evidence,
  now: number,
): CommandPrediction {
  const known = keys.map((key) => ({ level: key.level, of: evidence.find(key) }));
  const { logPrice, costUnknown } = priceOf(model, evidence, now);
  const quantities = mapQuantities((quantity): Prediction => {
    const learned = evidence.model?.quantities[quantity];
    const { setting, ...quantityModel } = learned ?? { ...coldModel(quantity), setting: 0 };
    const levels = known.map(({ level, of }) => ({
      level,
      summary: (of && summariesOf(of.summaries, quantity)?.[setting]) ?? NO_SUMMARY,
    }));
    const forecast = forecastLog(quantityModel, priorOf(quantity), levels, now, logPrice);
    return toPrediction(quantity, forecast, quantityModel.records);
  });
  const failure = predictFailure(
    FAILURE_PRIOR,
    known.map(({ level, of }) => ({ level, count: of?.executions ?? 0, failed: of?.failed ?? 0 })),
  );
  const record = evidence.model?.failures[failure.level] ?? null;
  return { quantities, costUnknown, failure: { ...failure, record } };
}

/** A model without a price has no cost to be told; where none is named, what the organization usually pays stands in. */
function priceOf(
  model: string | null,
  evidence: Evidence,
  now: number,
): { logPrice: number; costUnknown: string | null } {
  if (model !== null) {
    const logPrice = logModelPrice(model, new Date(now).toISOString());
    return logPrice === null
      ? { logPrice: 0, costUnknown: `price table ${PRICE_VERSION} has no price for this model` }
      : { logPrice, costUnknown: null };
  }
  const usual = evidence.model?.logPrice ?? null;
  return usual === null
    ? { logPrice: 0, costUnknown: "no model was named, and nothing is known of those used here; name one" }
    : { logPrice: usual, costUnknown: null };
}
