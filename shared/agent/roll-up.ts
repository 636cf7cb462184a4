import { addSketch, emptySketch, type Sketch } from "./sketch.ts";

/**
 * The figures that add up over executions, by the names of their columns. Counts of executions; sums of tokens and of
 * milliseconds; money in pico-dollars (10⁻¹² USD). `measured_count` is of those whose tokens are known, `priced_count`
 * cost, `saving_count` cache savings, `timed_count` time: the rest told nothing, which is not zero. What is `lost` was of
 * executions that failed or timed out.
 */
const COUNTS = [
  "execution_count",
  "failed_count",
  "timeout_count",
  "measured_count",
  "priced_count",
  "unpriced_count",
  "saving_count",
  "timed_count",
] as const;
const SUMS = [
  "total_tokens",
  "input_tokens",
  "output_tokens",
  "cached_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "lost_tokens",
  "execution_time_ms",
] as const;
export const MONEY = ["cost_usd", "lost_cost_usd", "cache_savings_usd"] as const;
export const FIGURES = [...COUNTS, ...SUMS, ...MONEY] as const;
export type Figure = (typeof FIGURES)[number];

export const SKETCHES = ["tokens_sketch", "cost_sketch", "time_sketch", "cache_rate_sketch"] as const;
type SketchName = (typeof SKETCHES)[number];

/** What the executions of one pattern come to, in a day or in a window of days. Roll-ups add up and can be taken out. */
export interface RollUp {
  /** In the order of FIGURES. */
  readonly figures: bigint[];
  /** Of total tokens, cost in USD, milliseconds and cache hit rate in percent. */
  readonly sketches: Readonly<Record<SketchName, Sketch>>;
  /** Failed and timed-out executions by class. None is zero. */
  readonly failures: Map<string, number>;
}

const POSITIONS = new Map<Figure, number>(FIGURES.map((name, index) => [name, index]));

export function emptyRollUp(): RollUp {
  return {
    figures: FIGURES.map(() => 0n),
    sketches: {
      tokens_sketch: emptySketch(),
      cost_sketch: emptySketch(),
      time_sketch: emptySketch(),
      cache_rate_sketch: emptySketch(),
    },
    failures: new Map(),
  };
}

export function figureOf(rollUp: RollUp, name: Figure): bigint {
  return rollUp.figures[POSITIONS.get(name) ?? -1] ?? 0n;
}

/** Adds `part` to `rollUp`, or takes it out with sign -1. */
export function addRollUp(rollUp: RollUp, part: RollUp, sign: 1 | -1 = 1): void {
  const factor = BigInt(sign);
  for (const [index, value] of part.figures.entries()) {
    rollUp.figures[index] = (rollUp.figures[index] ?? 0n) + factor * value;
  }
  for (const name of SKETCHES) addSketch(rollUp.sketches[name], part.sketches[name], sign);
  for (const [name, count] of part.failures) addFailure(rollUp, name, sign * count);
}

export function addFailure(rollUp: RollUp, name: string, count: number): void {
  const sum = (rollUp.failures.get(name) ?? 0) + count;
  if (sum === 0) rollUp.failures.delete(name);
  else rollUp.failures.set(name, sum);
}

/** Whether nothing is in it: also the difference of two that are equal. */
export function isNothing({ figures, sketches, failures }: RollUp): boolean {
  return (
    failures.size === 0 &&
    figures.every((value) => value === 0n) &&
    SKETCHES.every((name) => sketches[name].buckets.length === 0 && sketches[name].zeros === 0)
  );
}
