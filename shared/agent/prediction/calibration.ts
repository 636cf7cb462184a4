/** Where outcomes fell in units of the expected deviation: what turns an estimate into an interval. */
export interface Calibration {
  readonly z10: number;
  readonly z50: number;
  readonly z90: number;
}

export interface Calibrator {
  readonly current: () => Calibration;
  /** `z` = (outcome − mean) / deviation of an estimate that was made before the outcome was known. */
  readonly add: (z: number) => void;
  /** What it knows, to go on from later; the oldest first. */
  readonly outcomes: () => readonly number[];
}

/** Deciles of the normal distribution, at (i + ½) / 8: stands in until there are outcomes, and drops out like them. */
const NORMAL = [-1.534, -0.887, -0.489, -0.157, 0.157, 0.489, 0.887, 1.534];
/** Old outcomes are let go, so that intervals follow a change of behaviour. */
const OUTCOMES_MAX = 200;

/** Split conformal quantiles over the latest outcomes: whatever their distribution, the next falls in 8 of 10 times. */
export function createCalibrator(outcomes: readonly number[] = NORMAL): Calibrator {
  const arrived = [...outcomes];
  const sorted = [...outcomes].sort((a, b) => a - b);
  return {
    current: () => ({
      z10: quantile(sorted, 0.1),
      z50: quantile(sorted, 0.5),
      z90: quantile(sorted, 0.9),
    }),
    add: (z) => {
      arrived.push(z);
      sorted.splice(position(sorted, z), 0, z);
      if (arrived.length <= OUTCOMES_MAX) return;
      const oldest = arrived.shift();
      if (oldest !== undefined) sorted.splice(position(sorted, oldest), 1);
    },
    outcomes: () => arrived,
  };
}

/** The quantile that the next value exceeds with probability 1 − share: rank share × (n + 1), between neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const rank = Math.min(sorted.length, Math.max(1, share * (sorted.length + 1)));
  const below = sorted[Math.floor(rank) - 1] ?? 0;
  const above = sorted[Math.ceil(rank) - 1] ?? below;
  return below + (above - below) * (rank - Math.floor(rank));
}

/** The first place whose value is not below `value`. */
function position(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
