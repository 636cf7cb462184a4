/** What is known of the logarithm of one quantity within one level: sums only, so a roll-up can keep it. */
export interface LogSummary {
  /** Executions ever seen. */
  readonly count: number;
  /** Executions, each counted for less the older it is, as of `lastAt`. */
  readonly weight: number;
  readonly mean: number;
  readonly variance: number;
  /** The latest execution, in ms since 1970. */
  readonly lastAt: number;
}

export const NO_SUMMARY: LogSummary = { count: 0, weight: 0, mean: 0, variance: 0, lastAt: 0 };

/** How much of its weight a summary still has at `now`: half of it for each half-life since its latest execution. */
export function weightAt(summary: LogSummary, now: number, halfLifeMs: number): number {
  return summary.weight * fade(now - summary.lastAt, halfLifeMs);
}

/** The summary with one more value, seen at `at`. A value older than the latest counts for less at once. */
export function addValue(summary: LogSummary, value: number, at: number, halfLifeMs: number): LogSummary {
  const first = summary.count === 0;
  const lastAt = first ? at : Math.max(at, summary.lastAt);
  const kept = first ? 0 : summary.weight * fade(lastAt - summary.lastAt, halfLifeMs);
  const added = fade(lastAt - at, halfLifeMs);
  const weight = kept + added;
  if (!(weight > 0)) return { ...summary, count: summary.count + 1, lastAt };
  const share = added / weight;
  const apart = value - summary.mean;
  return {
    count: summary.count + 1,
    weight,
    mean: summary.mean + share * apart,
    variance: (1 - share) * (summary.variance + share * apart * apart),
    lastAt,
  };
}

function fade(ageMs: number, halfLifeMs: number): number {
  return ageMs <= 0 ? 1 : 0.5 ** (ageMs / halfLifeMs);
}
