import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addSketch,
  countOf,
  decodeSketch,
  emptySketch,
  encodeSketch,
  quantiles,
  sketchOf,
} from "../../../shared/agent/sketch.ts";

const SHARES = [0, 0.1, 0.5, 0.9, 0.95, 1];
const value = fc.oneof(fc.constant(0), fc.double({ min: 1e-12, max: 1e14, noNaN: true }), fc.nat(1_000));
const values = fc.array(value, { minLength: 1, maxLength: 200 });

/** As percentile_cont of PostgreSQL. */
function exactQuantile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((a, b) => a - b);
  const rank = share * (sorted.length - 1);
  const low = sorted[Math.floor(rank)] ?? NaN;
  const high = sorted[Math.ceil(rank)] ?? NaN;
  return low + (high - low) * (rank - Math.floor(rank));
}

describe("sketch", () => {
  it("tells every quantile within 1 % of the exact one", () => {
    fc.assert(
      fc.property(values, (all) => {
        const told = quantiles(sketchOf(all), SHARES);
        for (const [index, share] of SHARES.entries()) {
          const exact = exactQuantile(all, share);
          expect(Math.abs((told[index] ?? NaN) - exact)).toBeLessThanOrEqual(0.01 * exact);
        }
      }),
    );
  });

  it("adds parts up to the sketch of the whole, and takes them out again", () => {
    fc.assert(
      fc.property(values, values, (first, second) => {
        const sum = sketchOf(first);
        addSketch(sum, sketchOf(second), 1);
        expect(sum).toEqual(sketchOf([...first, ...second]));
        addSketch(sum, sketchOf(first), -1);
        expect(sum).toEqual(sketchOf(second));
        expect(countOf(sum)).toBe(second.length);
      }),
    );
  });

  it("is the same after it was written and read", () => {
    fc.assert(
      fc.property(values, (all) => {
        const sketch = sketchOf(all);
        expect(decodeSketch(encodeSketch(sketch))).toEqual(sketch);
      }),
    );
  });

  it("is refused when its bytes end too early", () => {
    const bytes = encodeSketch(sketchOf([5]));
    expect(() => decodeSketch(bytes.subarray(0, bytes.length - 1))).toThrow(RangeError);
  });

  it("knows nothing of nothing", () => {
    expect(quantiles(emptySketch(), [0.5])).toEqual([null]);
  });
});
