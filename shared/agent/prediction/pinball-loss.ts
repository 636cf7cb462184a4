/** The logarithms of a predicted quantity. */
export interface LogQuantiles {
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
}

/**
 * The mean pinball loss of the three quantiles: a miss by one unit costs the share that should have been on that side.
 * Lowest in expectation for the true quantiles. Source: Koenker and Bassett, Regression Quantiles, 1978.
 */
export function pinballLoss(predicted: LogQuantiles, outcome: number): number {
  const of = (quantile: number, share: number): number =>
    Math.max(share * (outcome - quantile), (share - 1) * (outcome - quantile));
  return (of(predicted.p10, 0.1) + of(predicted.p50, 0.5) + of(predicted.p90, 0.9)) / 3;
}
