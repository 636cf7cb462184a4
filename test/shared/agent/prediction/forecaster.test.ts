import { describe, expect, it } from "vitest";
import { createForecaster, type Case } from "../../../../shared/agent/prediction/forecaster.ts";
import { levelKeys } from "../../../../shared/agent/prediction/level.ts";
import { logModelPrice } from "../../../../shared/agent/prediction/model-price.ts";
import { forecastLog, type Prediction, toPrediction } from "../../../../shared/agent/prediction/predict.ts";
import { coldModel, priorOf } from "../../../../shared/agent/prediction/prior.ts";
import { fromLog, QUANTITIES, type Quantity, toLog } from "../../../../shared/agent/prediction/quantity.ts";
import { parseCommand } from "../../../../shared/agent/parse-command.ts";
import { randomNumbers } from "./synthetic-sessions.ts";

const HOUR_MS = 3_600_000;
const NOW = "2026-11-20T09:00:00Z";

function makeCase(hour: number, partial: Partial<Case> = {}, prompt = "fix the bug"): Case {
  const { base, features } = parseCommand(prompt);
  const keys = levelKeys({ base, features, signature: `v1 ${base}`, repository: "acme/app" });
  return { at: hour * HOUR_MS, keys, logPrice: 0, ...partial };
}

/** A forecaster that has learned sessions whose logarithms are about `mean` of each. */
function taught(
  count: number,
  mean: (hour: number) => number,
  command = makeCase,
): ReturnType<typeof createForecaster> {
  const random = randomNumbers(11);
  const forecaster = createForecaster(priorOf("cost_usd"));
  for (let hour = 0; hour < count; hour++) {
    const one = command(hour);
    forecaster.learn(one, forecaster.open(one), mean(hour) + random() - 0.5);
  }
  return forecaster;
}

const priceOf = (hour: number): number => (hour % 2 === 0 ? 0 : 3);

describe("createForecaster", () => {
  it("gives the shipped prior before the first outcome, and says so", () => {
    const { forecast } = createForecaster(priorOf("cost_usd")).open(makeCase(0));

    expect(forecast.estimate).toMatchObject({
      level: "prior",
      sampleSize: 0,
      mean: priorOf("cost_usd").mean,
    });
    expect(toPrediction("cost_usd", forecast, {}).calibration).toBeNull();
  });

  it("stays close to the prior after one outcome", () => {
    const { p50 } = taught(1, () => 8).open(makeCase(1)).forecast;

    expect(p50).toBeLessThan(4);
  });

  it("names the most specific level with enough executions, their number and how often its intervals held", () => {
    const forecaster = taught(300, () => 2);
    const { forecast } = forecaster.open(makeCase(300));
    const prediction = toPrediction("cost_usd", forecast, forecaster.model().records);

    expect(prediction).toMatchObject({ level: "repository_signature", sample_size: 300 });
    expect(prediction.p50).toBeCloseTo(Math.exp(2), 0);
    expect(prediction.calibration?.tried).toBeGreaterThan(200);
    expect(prediction.calibration?.coverage).toBeGreaterThan(0.7);
  });

  it("carries what it learned with one model over to another by its price", () => {
    const forecaster = taught(
      200,
      () => 1,
      (hour) => makeCase(hour, { logPrice: 0 }),
    );

    const dearer = forecaster.open(makeCase(200, { logPrice: Math.log(10) })).forecast;
    const same = forecaster.open(makeCase(200)).forecast;

    expect(dearer.p50 - same.p50).toBeCloseTo(Math.log(10), 6);
  });

  it("lets go of the price where cost does not follow it", () => {
    const forecaster = taught(
      300,
      () => 1,
      (hour) => makeCase(hour, { logPrice: priceOf(hour) }),
    );

    expect(forecaster.model().settings.byPrice).toBe(false);
    expect(forecaster.open(makeCase(300, { logPrice: 3 })).forecast.p50).toBeCloseTo(1, 0);
  });

  it("takes the usual price for a model without one", () => {
    const forecaster = taught(
      100,
      () => 1,
      (hour) => makeCase(hour, { logPrice: 2 }),
    );

    const unknown = forecaster.open(makeCase(100, { logPrice: null })).forecast;

    expect(unknown).toEqual(forecaster.open(makeCase(100, { logPrice: 2 })).forecast);
  });

  it("does not let an outcome reach a forecast that was made before it", () => {
    const forecaster = taught(50, () => 1);
    const early = forecaster.open(makeCase(50));
    const before = structuredClone(early);

    for (let hour = 50; hour < 100; hour++) forecaster.learn(makeCase(hour), null, 9);

    expect(early).toEqual(before);
    expect(forecaster.open(makeCase(100)).forecast.p50).toBeGreaterThan(before.forecast.p50 + 2);
  });

  it("leaves a model as plain data that answers like the forecaster itself", () => {
    const forecaster = taught(120, () => 1);
    const { forecast } = forecaster.open(makeCase(120));
    const model = forecaster.model();
    const evidence = forecast.estimate.steps.map(({ level, weight, own }) => ({
      level,
      summary: { count: 120, weight, mean: own, variance: 0, lastAt: 120 * HOUR_MS },
    }));

    const again = forecastLog(structuredClone(model), priorOf("cost_usd"), evidence, 120 * HOUR_MS, 0);

    expect(again.estimate.mean).toBeCloseTo(forecast.estimate.mean, 9);
    expect(structuredClone(model)).toEqual(model);
  });
});

describe("priorOf", () => {
  it("answers for every quantity with quantiles in order, in plausible sizes", () => {
    const logPrice = logModelPrice("claude-opus-5", NOW) ?? 0;
    const answer = (quantity: Quantity): Prediction =>
      toPrediction(quantity, forecastLog(coldModel(quantity), priorOf(quantity), [], 0, logPrice), {});

    for (const { p10, p50, p90, level } of QUANTITIES.map(answer)) {
      expect([p10, p50, p90].toSorted((a, b) => a - b)).toEqual([p10, p50, p90]);
      expect(level).toBe("prior");
    }
    expect(answer("cost_usd").p50).toBeGreaterThan(0.2);
    expect(answer("cost_usd").p50).toBeLessThan(20);
  });
});

describe("logModelPrice", () => {
  it("puts models in the order of their prices and does not guess an unknown one", () => {
    const price = (model: string): number => logModelPrice(model, NOW) ?? NaN;

    expect(price("claude-haiku-4-5")).toBeLessThan(price("claude-sonnet-4-6"));
    expect(price("claude-sonnet-4-6")).toBeLessThan(price("claude-opus-4-6"));
    expect(logModelPrice("somebody-elses-model", NOW)).toBeNull();
  });
});

describe("toLog", () => {
  it("has a way back for every quantity, zero tokens included", () => {
    for (const quantity of QUANTITIES)
      expect(fromLog(quantity, toLog(quantity, 1_234))).toBeCloseTo(1_234, 6);
    expect(fromLog("cache_read_tokens", toLog("cache_read_tokens", 0))).toBe(0);
    expect(Number.isFinite(toLog("cost_usd", 0))).toBe(true);
  });
});
