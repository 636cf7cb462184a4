import { type Contender, medianOf, type Outcome, type PointForecast } from "./prediction-backtest.ts";

/** The median of all outcomes so far. */
export function globalMedian(): PointForecast {
  const values: number[] = [];
  return {
    forecast: () => (values.length === 0 ? 0 : medianOf(values)),
    learn: ({ value }) => insert(values, value),
  };
}

/** The median of the repository's outcomes so far; that of all where it has none. */
export function repositoryMedian(): PointForecast {
  const all = globalMedian();
  const own = new Map<string, number[]>();
  return {
    forecast: (session) => {
      const values = own.get(session.repository);
      return values === undefined ? all.forecast(session) : medianOf(values);
    },
    learn: (outcome) => {
      all.learn(outcome);
      insert(listOf(own, outcome.session.repository), outcome.value);
    },
  };
}

/** Least squares of the outcome on log(1 + characters of the first prompt), over all outcomes so far. */
export function promptLengthRegression(): PointForecast {
  let [count, sumX, sumY, sumXX, sumXY] = [0, 0, 0, 0, 0];
  return {
    forecast: ({ promptChars }) => {
      if (count === 0) return 0;
      const spread = sumXX - (sumX * sumX) / count;
      const slope = spread > 1e-9 ? (sumXY - (sumX * sumY) / count) / spread : 0;
      return sumY / count + slope * (Math.log1p(promptChars) - sumX / count);
    },
    learn: ({ session, value }) => {
      const x = Math.log1p(session.promptChars);
      count++;
      sumX += x;
      sumY += value;
      sumXX += x * x;
      sumXY += x * value;
    },
  };
}

/** The quantiles of all outcomes so far, or of the repository's own where it has any. */
export function plainQuantiles(by: "all" | "repository"): Contender {
  const own = new Map<string, number[]>();
  const keyOf = (outcome: Outcome["session"]): string => (by === "all" ? "" : outcome.repository);
  const all: number[] = [];
  return {
    forecast: (session) => {
      const values = own.get(keyOf(session)) ?? all;
      const [p10, p50, p90] = [0.1, 0.5, 0.9].map((share) => quantile(values, share));
      return { p10: p10 ?? 0, p50: p50 ?? 0, p90: p90 ?? 0, level: "baseline" };
    },
    learn: ({ session, value }) => {
      insert(all, value);
      insert(listOf(own, keyOf(session)), value);
    },
  };
}

function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? 0;
  return below + ((sorted[Math.ceil(at)] ?? below) - below) * (at - Math.floor(at));
}

function insert(sorted: number[], value: number): void {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, value);
}

function listOf(lists: Map<string, number[]>, key: string): number[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
