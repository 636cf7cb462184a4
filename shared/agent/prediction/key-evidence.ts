import type { LogSummary } from "./log-summary.ts";
import { mapQuantities, QUANTITIES, type Quantity } from "./quantity.ts";
import { settingsOf } from "./settings.ts";

/** What is known of one key of a level. */
export interface KeyEvidence {
  /** Executions that ended, and those of them that failed or timed out. */
  readonly executions: number;
  readonly failed: number;
  readonly summaries: KeySummaries;
}

/**
 * The summaries of one key, quantity by quantity: count, latest time, then weight, mean and variance for each setting; zeros
 * for what nobody told. One array of numbers, because a job holds tens of thousands of them. Stored as it lies in memory,
 * little-endian. Whoever changes quantities or settings raises LEARNER_VERSION.
 */
export type KeySummaries = Float64Array<ArrayBuffer>;

/** Count and latest time are the same for every setting of a quantity. */
const SHARED = 2;
const OWN = 3;

const offsets: number[] = [];
let length = 0;
for (const quantity of QUANTITIES) {
  offsets.push(length);
  length += SHARED + OWN * settingsOf(quantity).length;
}
const LENGTH = length;
const OFFSETS = mapQuantities((quantity) => offsets[QUANTITIES.indexOf(quantity)] ?? 0);

export function noSummaries(): KeySummaries {
  return new Float64Array(LENGTH);
}

/** For each of the quantity's settings, in their order; undefined where nobody told it. */
export function summariesOf(all: KeySummaries, quantity: Quantity): LogSummary[] | undefined {
  const at = OFFSETS[quantity];
  const count = all[at] ?? 0;
  if (count === 0) return undefined;
  const lastAt = all[at + 1] ?? 0;
  return settingsOf(quantity).map((_, index) => {
    const own = at + SHARED + OWN * index;
    return { count, weight: all[own] ?? 0, mean: all[own + 1] ?? 0, variance: all[own + 2] ?? 0, lastAt };
  });
}

export function putSummaries(all: KeySummaries, quantity: Quantity, summaries: readonly LogSummary[]): void {
  const at = OFFSETS[quantity];
  for (const [index, { count, weight, mean, variance, lastAt }] of summaries.entries()) {
    const own = at + SHARED + OWN * index;
    all[at] = count;
    all[at + 1] = lastAt;
    all[own] = weight;
    all[own + 1] = mean;
    all[own + 2] = variance;
  }
}

/** The same memory as bytes. */
export function encodeSummaries(all: KeySummaries): Buffer {
  return Buffer.from(all.buffer);
}

/** @throws RangeError when it was encoded otherwise. */
export function decodeSummaries(bytes: Buffer): KeySummaries {
  const all = noSummaries();
  if (bytes.length !== all.byteLength) throw new RangeError("summaries of another version");
  encodeSummaries(all).set(bytes);
  return all;
}
