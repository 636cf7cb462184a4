import { describe, expect, it } from "vitest";
import { totalCost } from "../../../../functions/insights/predict/total-cost.ts";

const Z90 = 1.2816;
const logNormal = (p50: number, deviation: number) => ({
  p10: p50 * Math.exp(-Z90 * deviation),
  p50,
  p90: p50 * Math.exp(Z90 * deviation),
});

describe("the cost of several runs", () => {
  it("is that of one where there is one, and nothing where there is none", () => {
    const one = logNormal(2, 1.3);

    expect(totalCost([one])).toBe(one);
    expect(totalCost([])).toEqual({ p10: 0, p50: 0, p90: 0 });
  });

  it("is the sum where nothing is uncertain", () => {
    const { p10, p50, p90 } = totalCost([logNormal(1, 0), logNormal(2.5, 0), logNormal(0.01, 0)]);

    for (const value of [p10, p50, p90]) expect(value).toBeCloseTo(3.51, 9);
  });

  it("comes near to the mean times the number of many runs, which is more than the sum of their p50", () => {
    const deviation = 1;
    const { p10, p50, p90 } = totalCost(Array.from({ length: 100 }, () => logNormal(1, deviation)));
    const mean = 100 * Math.exp(deviation ** 2 / 2);
    const spread = 10 * Math.sqrt((Math.exp(deviation ** 2) - 1) * Math.exp(deviation ** 2));

    expect(Math.abs(p50 / mean - 1)).toBeLessThan(0.03);
    expect(Math.abs(p10 / (mean - Z90 * spread) - 1)).toBeLessThan(0.05);
    expect(Math.abs(p90 / (mean + Z90 * spread) - 1)).toBeLessThan(0.05);
  });

  it("is narrower than adding up the quantiles", () => {
    const costs = [logNormal(1, 1.3), logNormal(4, 0.6), { p10: 0.5, p50: 1, p90: 9 }];
    const { p10, p90 } = totalCost(costs);

    expect(p10).toBeGreaterThan(costs.reduce((sum, one) => sum + one.p10, 0));
    expect(p90).toBeLessThan(costs.reduce((sum, one) => sum + one.p90, 0));
  });

  it("is the same each time", () => {
    const costs = [logNormal(1, 1.3), logNormal(4, 0.6)];

    expect(totalCost(costs)).toEqual(totalCost(costs));
  });
});
