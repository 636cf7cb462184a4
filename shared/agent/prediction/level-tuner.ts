import { type Level, LEVELS } from "./level.ts";
import { drawn, SHRINKAGES, type Step, type Trust, USUAL_TRUST } from "./shrink.ts";

/** Learns how much each level can be trusted against the one above it. */
export interface LevelTuner {
  readonly trust: () => Trust;
  /** Grades each shrinkage by the outcome that the steps led up to. */
  readonly learn: (steps: readonly Step[], value: number) => void;
  /** What it knows, to go on from later: each level's error by shrinkage. */
  readonly losses: () => LevelLosses;
}

export type LevelLosses = Readonly<Partial<Record<Level, readonly number[]>>>;

/** How fast belief follows a difference in absolute error. */
const RATE = 1;
/** Shrinkages are judged by about the latest 500 outcomes. */
const MEMORY = 0.998;

/**
 * Keeps, level by level, the error that its mean would have had with each shrinkage, and believes each by the exponential
 * of its loss (the weighted average forecaster: never much worse than the best single choice).
 */
export function createLevelTuner(before: LevelLosses = {}): LevelTuner {
  const losses: Partial<Record<Level, readonly number[]>> = { ...before };
  const trust: Partial<Record<Level, readonly number[]>> = {};
  for (const level of LEVELS) {
    const known = losses[level];
    if (known !== undefined) trust[level] = beliefs(known);
  }
  return {
    trust: () => trust,
    learn: (steps, value) => {
      for (const { level, weight, own, above } of steps) {
        const known = losses[level];
        const after = SHRINKAGES.map(
          (shrinkage, index) =>
            (known?.[index] ?? 0) * MEMORY +
            Math.abs(value - above - drawn(weight, shrinkage) * (own - above)),
        );
        losses[level] = after;
        trust[level] = beliefs(after);
      }
    },
    losses: () => losses,
  };
}

function beliefs(losses: readonly number[]): number[] {
  const least = Math.min(...losses);
  const weights = losses.map((loss, index) => (USUAL_TRUST[index] ?? 0) * Math.exp(-RATE * (loss - least)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
