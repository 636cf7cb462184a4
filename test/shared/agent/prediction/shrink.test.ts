import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addValue, type LogSummary, NO_SUMMARY } from "../../../../shared/agent/prediction/log-summary.ts";
import { shrink, SHRINKAGES, type ShrinkSettings } from "../../../../shared/agent/prediction/shrink.ts";

const DAY_MS = 86_400_000;
const NOW = 100 * DAY_MS;
const PRIOR = { mean: 0, deviation: 1, weight: 10 };
const SETTINGS: ShrinkSettings = { trust: {}, halfLifeMs: 30 * DAY_MS };

const summarize = (values: readonly number[], at = NOW): LogSummary =>
  values.reduce((summary, value) => addValue(summary, value, at, SETTINGS.halfLifeMs), NO_SUMMARY);
const repeated = (value: number, count: number, at = NOW): LogSummary =>
  summarize(
    Array.from({ length: count }, () => value),
    at,
  );

const inOrder = (list: readonly (readonly [value: number, at: number])[]): LogSummary =>
  list.reduce((summary, [value, at]) => addValue(summary, value, at, SETTINGS.halfLifeMs), NO_SUMMARY);

describe("shrink", () => {
  it("answers with the prior, and says so, when there is no evidence", () => {
    const estimate = shrink(PRIOR, [{ level: "organization", summary: NO_SUMMARY }], NOW, SETTINGS);

    expect(estimate).toEqual({ mean: 0, deviation: 1, level: "prior", sampleSize: 0, steps: [] });
  });

  it("lets hundreds of executions speak for themselves and one change little", () => {
    const general = { level: "organization", summary: repeated(1, 500) } as const;

    const rare = shrink(PRIOR, [general, { level: "repository", summary: repeated(5, 1) }], NOW, SETTINGS);
    const usual = shrink(PRIOR, [general, { level: "repository", summary: repeated(5, 300) }], NOW, SETTINGS);

    expect(rare.mean).toBeLessThan(2);
    expect(rare).toMatchObject({ level: "organization", sampleSize: 500 });
    expect(usual.mean).toBeGreaterThan(3.5);
    expect(usual).toMatchObject({ level: "repository", sampleSize: 300 });
  });

  it("does not tell an organization's first execution again for each of its levels", () => {
    const first = repeated(9, 1);
    const levels = ["organization", "base", "signature", "repository", "repository_signature"] as const;

    const alone = shrink(PRIOR, [{ level: "organization", summary: first }], NOW, SETTINGS);
    const everywhere = shrink(
      PRIOR,
      levels.map((level) => ({ level, summary: first })),
      NOW,
      SETTINGS,
    );

    expect(everywhere.mean).toBe(alone.mean);
    expect(everywhere.mean).toBeLessThan(1);
  });

  it("passes over a level that is known to say nothing", () => {
    const evidence = [
      { level: "organization", summary: repeated(1, 500) },
      { level: "signature", summary: repeated(9, 400) },
    ] as const;

    const without = shrink(PRIOR, evidence.slice(0, 1), NOW, SETTINGS);
    const nothing = SHRINKAGES.map((shrinkage) => (shrinkage === Infinity ? 1 : 0));
    const ignoring = shrink(PRIOR, evidence, NOW, { ...SETTINGS, trust: { signature: nothing } });

    expect(ignoring).toMatchObject({
      mean: without.mean,
      deviation: without.deviation,
      level: "organization",
    });
  });

  it("keeps a spread where all executions were alike", () => {
    const { mean, deviation } = shrink(
      PRIOR,
      [{ level: "organization", summary: repeated(2, 1_000_000) }],
      NOW,
      SETTINGS,
    );

    expect(mean).toBeCloseTo(2, 3);
    expect(deviation).toBe(0.01);
  });

  it("goes back to the level above as a level's executions grow old", () => {
    const general = { level: "organization", summary: repeated(1, 500) } as const;
    const meanAfter = (days: number): number =>
      shrink(
        PRIOR,
        [general, { level: "base", summary: repeated(5, 20, NOW - days * DAY_MS) }],
        NOW,
        SETTINGS,
      ).mean;

    expect(meanAfter(0)).toBeGreaterThan(meanAfter(30));
    expect(meanAfter(30)).toBeGreaterThan(meanAfter(90));
    expect(meanAfter(10_000)).toBeCloseTo(shrink(PRIOR, [general], NOW, SETTINGS).mean, 6);
  });

  it("stays between the lowest and the highest mean it was told", () => {
    const levels = ["organization", "base", "repository", "repository_base"] as const;
    const values = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { maxLength: 30 });

    fc.assert(
      fc.property(fc.tuple(values, values, values, values), (groups) => {
        const evidence = groups.map((group, index) => ({
          level: levels[index] ?? "base",
          summary: summarize(group),
        }));
        const means = [
          PRIOR.mean,
          ...evidence.filter(({ summary }) => summary.count > 0).map((e) => e.summary.mean),
        ];
        const { mean, deviation } = shrink(PRIOR, evidence, NOW, SETTINGS);

        expect(mean).toBeGreaterThanOrEqual(Math.min(...means) - 1e-9);
        expect(mean).toBeLessThanOrEqual(Math.max(...means) + 1e-9);
        expect(deviation).toBeGreaterThan(0);
      }),
    );
  });
});

describe("addValue", () => {
  it("gives the plain mean and variance of values of one moment", () => {
    const { count, weight, mean, variance } = summarize([1, 2, 4, 9]);

    expect({ count, weight, mean }).toEqual({ count: 4, weight: 4, mean: 4 });
    expect(variance).toBeCloseTo(9.5, 9);
  });

  it("counts a value half after a half-life, in whatever order values come", () => {
    const values = [
      [3, NOW],
      [6, NOW - 30 * DAY_MS],
    ] as const;

    const forwards = inOrder(values);
    const backwards = inOrder(values.toReversed());

    expect(forwards.mean).toBeCloseTo(4, 9);
    expect(backwards.mean).toBeCloseTo(4, 9);
    expect(backwards.weight).toBeCloseTo(1.5, 9);
    expect(backwards.variance).toBeCloseTo(forwards.variance, 9);
  });
});
