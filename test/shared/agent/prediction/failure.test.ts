import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { betaQuantile } from "../../../../shared/agent/prediction/beta.ts";
import { predictFailure } from "../../../../shared/agent/prediction/failure.ts";
import { FAILURE_PRIOR } from "../../../../shared/agent/prediction/prior.ts";

describe("predictFailure", () => {
  it("answers with the prior when nothing has run", () => {
    expect(predictFailure(FAILURE_PRIOR, [])).toMatchObject({
      probability: FAILURE_PRIOR.probability,
      level: "prior",
      sample_size: 0,
    });
  });

  it("believes a level with many executions and hardly one with a single failure", () => {
    const calm = { level: "organization", count: 1_000, failed: 20 } as const;

    const once = predictFailure(FAILURE_PRIOR, [calm, { level: "signature", count: 1, failed: 1 }]);
    const often = predictFailure(FAILURE_PRIOR, [calm, { level: "signature", count: 400, failed: 200 }]);

    expect(once.probability).toBeLessThan(0.1);
    expect(once.level).toBe("organization");
    expect(often.probability).toBeGreaterThan(0.45);
    expect(often).toMatchObject({ level: "signature", sample_size: 400 });
  });

  it("never says never nor always, and keeps its quantiles in order", () => {
    const counts = fc.tuple(fc.nat(100_000), fc.double({ min: 0, max: 1, noNaN: true }));

    fc.assert(
      fc.property(fc.array(counts, { maxLength: 8 }), (levels) => {
        const evidence = levels.map(([count, share]) => ({
          level: "base" as const,
          count,
          failed: Math.round(count * share),
        }));
        const { probability, p10, p50, p90 } = predictFailure(FAILURE_PRIOR, evidence);

        expect(probability).toBeGreaterThan(0);
        expect(probability).toBeLessThan(1);
        expect(p10).toBeLessThanOrEqual(p50);
        expect(p50).toBeLessThanOrEqual(p90);
      }),
    );
  });
});

describe("betaQuantile", () => {
  it("gives the quantiles that are known in closed form", () => {
    expect(betaQuantile(1, 1, 0.3)).toBeCloseTo(0.3, 8);
    expect(betaQuantile(2, 1, 0.49)).toBeCloseTo(0.7, 8);
    expect(betaQuantile(1, 3, 0.1)).toBeCloseTo(1 - Math.cbrt(0.9), 8);
    expect(betaQuantile(0.5, 0.5, 0.25)).toBeCloseTo(Math.sin(Math.PI / 8) ** 2, 8);
    expect(betaQuantile(5_000, 5_000, 0.5)).toBeCloseTo(0.5, 8);
  });
});
