/** Dollars. */
interface CostQuantiles {
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
}

/** Where the tenth and the ninetieth of a hundred lie in a normal distribution. */
const Z90 = 1.2816;
const DRAWS = { all: 200_000, min: 2_000, max: 10_000 };

/**
 * What several runs cost together when none depends on another: quantiles do not add up, so the sum is drawn some thousands
 * of times, each cost from two halves of log-normal distributions that meet in its p50. Equal questions get equal answers.
 */
export function totalCost(costs: readonly CostQuantiles[]): CostQuantiles {
  const [only] = costs;
  if (costs.length === 1 && only !== undefined) return only;
  if (costs.length === 0) return { p10: 0, p50: 0, p90: 0 };
  const spreads = costs.map(({ p10, p50, p90 }) => ({
    p50,
    below: Math.log(p50 / p10) / Z90,
    above: Math.log(p90 / p50) / Z90,
  }));
  const draws = Math.min(DRAWS.max, Math.max(DRAWS.min, Math.floor(DRAWS.all / costs.length)));
  const normal = normalNumbers();
  const sums = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (const { p50, below, above } of spreads) {
      const z = normal();
      sum += p50 * Math.exp(z * (z < 0 ? below : above));
    }
    sums[draw] = sum;
  }
  sums.sort();
  const at = (share: number): number => sums[Math.floor(share * draws)] ?? 0;
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) };
}

/** Always the same stream. Sources: mulberry32; Box and Muller, 1958. */
function normalNumbers(): () => number {
  let state = 0x9e3779b9;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
