interface Trials {
  successes: number;
  trials: number;
}

/**
 * The probability that the true share of `a` lies above that of `b` plus `by`. Shares are Beta(1 + successes, 1 + failures)
 * apart from each other; their difference is taken as normal, which is off by less than two points from a dozen trials on.
 */
export function shareAbove(a: Trials, b: Trials, by: number): number {
  const [one, other] = [momentsOf(a), momentsOf(b)];
  return normalShareBelow((one.mean - other.mean - by) / Math.sqrt(one.variance + other.variance));
}

function momentsOf({ successes, trials }: Trials): { mean: number; variance: number } {
  const count = trials + 2;
  const mean = (successes + 1) / count;
  return { mean, variance: (mean * (1 - mean)) / (count + 1) };
}

/** The standard normal distribution function. Source: Abramowitz and Stegun 7.1.26, to 2e-7. */
function normalShareBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const terms = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const tail = terms.reduce((sum, term) => (sum + term) * t, 0) * Math.exp(-x * x);
  return z >= 0 ? 1 - tail / 2 : tail / 2;
}
