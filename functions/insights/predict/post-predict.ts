import type { Caller } from "../../../shared/auth.ts";
import type { Handle } from "../../../shared/http.ts";
import type { InsightsContext } from "../context.ts";
import {
  type BatchAnswer,
  describeBudget,
  describeLearned,
  describePrediction,
  inDollars,
  type SingleAnswer,
} from "./answer.ts";
import { keysOf } from "./command-keys.ts";
import { predictCommand } from "./predict-command.ts";
import { readEvidence } from "./read-evidence.ts";
import { type PredictRequest, readPredictRequest } from "./read-request.ts";
import { totalCost } from "./total-cost.ts";

type PredictContext = Pick<InsightsContext, "authenticator" | "pool" | "now">;

/** What a command will take, before it runs. Changes nothing, and the command is neither kept nor logged. */
export function createPostPredict(context: PredictContext): Handle {
  return async (request) => {
    const caller = await context.authenticator.authenticate(request, "read");
    const asked = readPredictRequest(request);
    const answer = await predict(context, caller, asked);
    request.note({
      commands: asked.items.length,
      rejected: "rejected" in answer ? answer.rejected : 0,
      learned: answer.learned?.executions ?? 0,
    });
    return { status: 200, body: answer };
  };
}

async function predict(
  { pool, now }: PredictContext,
  { organizationId }: Caller,
  { isBatch, items, maxUsd }: PredictRequest,
): Promise<SingleAnswer | BatchAnswer> {
  const read = items.map((item) => ("errors" in item ? item : { model: item.model, keys: keysOf(item) }));
  const keys = read.flatMap((one) => ("errors" in one ? [] : one.keys.keys));
  const evidence = await readEvidence(pool, organizationId, keys);
  const at = now();
  const predicted = read.map((one) =>
    "errors" in one
      ? one
      : { keys: one.keys, model: one.model, prediction: predictCommand(one.keys, one.model, evidence, at) },
  );
  const learned = describeLearned(evidence);
  const valid = predicted.flatMap((one) => ("errors" in one ? [] : [one]));
  const costs = valid.flatMap(({ prediction: { costUnknown, quantities } }) =>
    costUnknown === null ? [quantities.cost_usd] : [],
  );
  const isWhole = costs.length === items.length;
  const total = isWhole ? totalCost(costs) : null;
  const budget = describeBudget(maxUsd, total);
  const [only] = valid;
  if (!isBatch && only !== undefined) {
    return { ...describePrediction(only.keys, only.model, only.prediction), learned, budget };
  }
  return {
    learned,
    predictions: predicted.map((one, index) =>
      "errors" in one
        ? { index, errors: one.errors }
        : Object.assign({ index }, describePrediction(one.keys, one.model, one.prediction)),
    ),
    rejected: items.length - valid.length,
    total_cost_usd: total === null ? null : inDollars(total),
    total_unknown: isWhole
      ? null
      : `of ${items.length} commands only ${costs.length} have a cost that can be told`,
    budget,
  };
}
