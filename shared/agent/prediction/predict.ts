import type { Calibration } from "./calibration.ts";
import type { Level } from "./level.ts";
import type { LogQuantiles } from "./pinball-loss.ts";
import { fromLog, type Quantity } from "./quantity.ts";
import type { PredictionSettings } from "./settings.ts";
import { type Estimate, type LevelEvidence, type LogPrior, shrink, type Trust } from "./shrink.ts";

/** How often earlier intervals of one level held. */
export interface TrackRecord {
  readonly held: number;
  readonly tried: number;
}

/** What an organization's past has taught about predicting one quantity. Plain data: a job learns it and stores it. */
export interface QuantityModel {
  readonly settings: PredictionSettings;
  readonly trust: Trust;
  readonly calibration: Calibration;
  readonly records: Readonly<Partial<Record<Level, TrackRecord>>>;
}

export interface LogForecast extends LogQuantiles {
  readonly estimate: Estimate;
}

/**
 * The logarithm of a quantity, by the levels' summaries from the general to the specific. `logPrice` is the price of the
 * model that the command will run with; summaries of a model that goes by price hold the logarithm relative to it.
 */
export function forecastLog(
  model: Omit<QuantityModel, "records">,
  prior: LogPrior,
  evidence: readonly LevelEvidence[],
  now: number,
  logPrice: number,
): LogForecast {
  const { settings, trust, calibration } = model;
  const estimate = shrink(prior, evidence, now, { trust, halfLifeMs: settings.halfLifeMs });
  const mean = estimate.mean + (settings.byPrice ? logPrice : 0);
  const at = (z: number): number => mean + estimate.deviation * z;
  return { p10: at(calibration.z10), p50: at(calibration.z50), p90: at(calibration.z90), estimate };
}

export interface Prediction {
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly level: Level;
  readonly sample_size: number;
  /** The share of earlier intervals of this level that held, of how many; null before there were any. */
  readonly calibration: { readonly coverage: number; readonly tried: number } | null;
}

/** The forecast in the quantity's own unit, with what it rests on. */
export function toPrediction(
  quantity: Quantity,
  forecast: LogForecast,
  records: QuantityModel["records"],
): Prediction {
  const { level, sampleSize } = forecast.estimate;
  const record = records[level];
  return {
    p10: fromLog(quantity, forecast.p10),
    p50: fromLog(quantity, forecast.p50),
    p90: fromLog(quantity, forecast.p90),
    level,
    sample_size: sampleSize,
    calibration:
      record === undefined || record.tried === 0
        ? null
        : { coverage: record.held / record.tried, tried: record.tried },
  };
}
