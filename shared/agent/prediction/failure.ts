import { betaQuantile } from "./beta.ts";
import type { Level } from "./level.ts";

/** How often one level's executions failed. */
export interface FailureEvidence {
  readonly level: Level;
  readonly count: number;
  readonly failed: number;
}

export interface FailurePrior {
  readonly probability: number;
  /** Executions that the prior is worth. */
  readonly weight: number;
}

/** What the levels come to: the mean of a Beta distribution and the executions that it is worth. */
export interface FailureEstimate extends FailurePrior {
  readonly level: Level;
  readonly sample_size: number;
}

/** The probability that the run fails, with the range in which that probability itself is likely to be. */
export interface FailurePrediction {
  readonly probability: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly level: Level;
  readonly sample_size: number;
}

/** Failures are rare, so that a level needs more executions than for a cost before it says more than the one above. */
const SHRINKAGE = 20;
/** Keeps both parameters of the distribution above zero when nothing or everything failed. */
const PROBABILITY_MIN = 1e-4;

/**
 * Goes from the general to the specific: what a level adds to the Beta distribution of the one above, which it takes as
 * worth twenty executions.
 */
export function estimateFailure(prior: FailurePrior, evidence: readonly FailureEvidence[]): FailureEstimate {
  let { probability, weight } = prior;
  let used: Pick<FailureEstimate, "level" | "sample_size"> = { level: "prior", sample_size: 0 };
  let above = weight;
  for (const { level, count, failed } of evidence) {
    if (count <= 0) continue;
    probability = (failed + above * probability) / (count + above);
    weight = count + above;
    if (count >= above) used = { level, sample_size: count };
    above = SHRINKAGE;
  }
  const within = Math.min(1 - PROBABILITY_MIN, Math.max(PROBABILITY_MIN, probability));
  return { probability: within, weight, ...used };
}

/** The estimate with the range in which the probability itself is likely to be. */
export function predictFailure(prior: FailurePrior, evidence: readonly FailureEvidence[]): FailurePrediction {
  const { probability, weight, level, sample_size } = estimateFailure(prior, evidence);
  const at = (share: number): number => betaQuantile(probability * weight, (1 - probability) * weight, share);
  return { probability, p10: at(0.1), p50: at(0.5), p90: at(0.9), level, sample_size };
}
