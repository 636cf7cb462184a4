import { describe, expect, it } from "vitest";
import { createCalibrator } from "../../../../shared/agent/prediction/calibration.ts";
import { randomNumbers } from "./synthetic-sessions.ts";

/** The share of values that fell between p10 and p90 as they stood before each value came. */
function coverageOf(values: readonly number[], from = 0): number {
  const calibrator = createCalibrator();
  let held = 0;
  values.forEach((value, index) => {
    const { z10, z90 } = calibrator.current();
    if (index >= from && value >= z10 && value <= z90) held++;
    calibrator.add(value);
  });
  return held / (values.length - from);
}

describe("createCalibrator", () => {
  it("holds 80 % of values whatever their distribution", () => {
    const random = randomNumbers(3);
    const draw = (shape: (uniform: number) => number): number[] =>
      Array.from({ length: 4_000 }, () => shape(random()));

    const skewed = coverageOf(draw((uniform) => -Math.log(1 - uniform)));
    const heavy = coverageOf(draw((uniform) => Math.tan(Math.PI * (uniform - 0.5))));
    const twoPeaks = coverageOf(draw((uniform) => (uniform < 0.5 ? -5 : 5) + uniform));

    for (const coverage of [skewed, heavy, twoPeaks]) {
      expect(coverage).toBeGreaterThan(0.77);
      expect(coverage).toBeLessThan(0.83);
    }
  });

  it("finds its way back after the distribution has moved", () => {
    const random = randomNumbers(5);
    const values = Array.from({ length: 3_000 }, (_, index) => random() * 2 - 1 + (index < 1_000 ? 0 : 6));

    expect(coverageOf(values, 1_600)).toBeGreaterThan(0.75);
  });

  it("stands in for missing outcomes with an interval that is not too narrow", () => {
    const { z10, z50, z90 } = createCalibrator().current();

    expect(z50).toBeCloseTo(0, 9);
    expect(z10).toBeLessThanOrEqual(-1.28);
    expect(z90).toBeGreaterThanOrEqual(1.28);
  });
});
