import { createHash } from "node:crypto";

/** A source of numbers that depends on its seed alone, so that the same seed tells the same story again. */
export interface Random {
  /** Evenly spread over [0, 1). */
  next: () => number;
  /** A whole number from `min` to `max`, both included. */
  whole: (min: number, max: number) => number;
  chance: (probability: number) => boolean;
  pick: <T>(from: readonly T[]) => T;
  /** Picks by weight; weights need not sum to anything. */
  weighted: <T>(from: readonly (readonly [T, number])[]) => T;
  /** Log-normal: half of the values lie under `median`; `spread` is the standard deviation of the logarithm. */
  around: (median: number, spread: number) => number;
  hex: (digits: number) => string;
  /** A UUID of version 7 that carries `at` (milliseconds since the epoch). */
  uuid: (at: number) => string;
}

/** Seeds the small fast counter generator sfc32 with a hash of `seed`. */
export function createRandom(...seed: readonly (string | number)[]): Random {
  const digest = createHash("sha256").update(JSON.stringify(seed)).digest();
  let a = digest.readInt32LE(0);
  let b = digest.readInt32LE(4);
  let c = digest.readInt32LE(8);
  let counter = digest.readInt32LE(12);

  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  const whole = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  const weighted = <T>(from: readonly (readonly [T, number])[]): T => {
    let left = next() * from.reduce((total, [, weight]) => total + weight, 0);
    for (const [value, weight] of from) {
      left -= weight;
      if (left < 0) return value;
    }
    throw new RangeError("nothing to pick from");
  };
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => whole(0, 15).toString(16)).join("");

  return {
    next,
    whole,
    weighted,
    hex,
    chance: (probability) => next() < probability,
    pick: (from) => weighted(from.map((value) => [value, 1] as const)),
    around: (median, spread) => {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
      return median * Math.exp(spread * normal);
    },
    uuid: (at) => {
      const time = at.toString(16).padStart(12, "0");
      return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${whole(8, 11).toString(16)}${hex(3)}-${hex(12)}`;
    },
  };
}
