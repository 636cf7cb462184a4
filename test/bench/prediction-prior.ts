import { forecastLog } from "../../shared/agent/prediction/predict.ts";
import { coldModel, priorOf } from "../../shared/agent/prediction/prior.ts";
import { QUANTITIES, type Quantity } from "../../shared/agent/prediction/quantity.ts";
import type { LogPrior } from "../../shared/agent/prediction/shrink.ts";
import { NO_PRIOR, type Outcome, type Scored } from "./prediction-backtest.ts";

/** Each session as a new organization would be told it: from what the file's other repositories are like. */
export function fromOtherRepositories(outcomes: readonly Outcome[]): Scored[] {
  const priors = new Map<string, LogPrior>();
  return outcomes.map((outcome) => {
    const { repository } = outcome.session;
    const others = (): Outcome[] => outcomes.filter(({ session }) => session.repository !== repository);
    const prior = priors.get(repository) ?? momentsOf(others(), "cost_usd");
    priors.set(repository, prior);
    return coldForecast(outcome, prior);
  });
}

/** The same from the prior that ships with the product. It was made from one file, so it says more about any other. */
export function fromShippedPrior(outcomes: readonly Outcome[]): Scored[] {
  return outcomes.map((outcome) => coldForecast(outcome, priorOf("cost_usd")));
}

function coldForecast(outcome: Outcome, prior: LogPrior): Scored {
  const { at, logPrice } = outcome.session.command;
  const { p10, p50, p90 } = forecastLog(coldModel("cost_usd"), prior, [], at, logPrice ?? 0);
  return { p10, p50, p90, level: "prior", outcome };
}

/** The table of shared/agent/prediction/prior.ts as these outcomes would have it, as one line. */
export function describePrior(outcomesOf: (quantity: Quantity) => Outcome[]): string {
  const cells = QUANTITIES.map((quantity) => {
    const { mean, deviation } = momentsOf(outcomesOf(quantity), quantity);
    return `${quantity} ${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
  });
  return `prior of this file, logarithms: ${cells.join(", ")}`;
}

/**
 * Mean and deviation of sessions of a repository not seen yet: each repository counts by the root of its sessions, so that
 * a large one does not stand for all, and the spread holds that between repositories too.
 */
function momentsOf(outcomes: readonly Outcome[], quantity: Quantity): LogPrior {
  const sizes = new Map<string, number>();
  for (const { session } of outcomes) sizes.set(session.repository, (sizes.get(session.repository) ?? 0) + 1);
  let [weights, sum, squares] = [0, 0, 0];
  for (const { session, value } of outcomes) {
    const relative = value - (quantity === "cost_usd" ? (session.command.logPrice ?? 0) : 0);
    const weight = 1 / Math.sqrt(sizes.get(session.repository) ?? 1);
    weights += weight;
    sum += weight * relative;
    squares += weight * relative * relative;
  }
  if (weights === 0) return NO_PRIOR;
  const mean = sum / weights;
  return { mean, deviation: Math.sqrt(Math.max(0.01, squares / weights - mean * mean)), weight: 1 };
}
