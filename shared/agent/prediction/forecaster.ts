import { createCalibrator } from "./calibration.ts";
import type { Level, LevelKey } from "./level.ts";
import { createLevelTuner } from "./level-tuner.ts";
import { addValue, type LogSummary, NO_SUMMARY } from "./log-summary.ts";
import { pinballLoss } from "./pinball-loss.ts";
import { forecastLog, type LogForecast, type QuantityModel, type TrackRecord } from "./predict.ts";
import { type PredictionSettings, SETTINGS } from "./settings.ts";
import type { LogPrior } from "./shrink.ts";

/** One command about to run. */
export interface Case {
  /** When it starts, in ms since 1970. */
  readonly at: number;
  readonly keys: readonly LevelKey[];
  /** Logarithm of what its model charges (model-price.ts); null when the model or its price is unknown. */
  readonly logPrice: number | null;
}

/** A forecast whose outcome is not known yet. */
export interface OpenForecast {
  readonly forecast: LogForecast;
  /** What each setting would have said, and the price it was told for. */
  readonly rivals: readonly LogForecast[];
  readonly logPrice: number;
}

export interface Forecaster {
  /** What the quantity's logarithm will be, from the executions learned so far. */
  readonly open: (command: Case) => OpenForecast;
  /** Learns an outcome: grades the forecast that was made for it, then adds the value to its levels. */
  readonly learn: (command: Case, open: OpenForecast | null, value: number) => void;
  /** What has been learned besides the levels' summaries. */
  readonly model: () => QuantityModel;
}

/** Settings are judged by about the latest 200 outcomes. */
const SCORE_MEMORY = 0.995;
/** What every other setting's score starts behind that of the first, in pinball loss. */
const HEAD_START = 1;

/**
 * Forecasts one quantity over a stream of executions, in the order in which they would have been known. Every setting
 * forecasts each case; the one with the lowest loss so far is used, and intervals come from its own earlier errors, so
 * nothing is taken from what lies ahead. Memory grows with the number of different keys: hand it one organization.
 */
export function createForecaster(
  prior: LogPrior,
  candidates: readonly [PredictionSettings, ...PredictionSettings[]] = SETTINGS,
): Forecaster {
  const [first, ...others] = candidates.map((settings, index) => ({
    settings,
    tuner: createLevelTuner(),
    calibrator: createCalibrator(),
    levels: new Map<string, LogSummary>(),
    score: index === 0 ? 0 : HEAD_START,
  }));
  if (first === undefined) throw new RangeError("no settings to choose from");
  const rivals = [first, ...others];
  const records: Partial<Record<Level, TrackRecord>> = {};
  let prices = NO_SUMMARY;

  const modelOf = (rival: typeof first): QuantityModel => ({
    settings: rival.settings,
    trust: rival.tuner.trust(),
    calibration: rival.calibrator.current(),
    records,
  });
  const best = (): typeof first =>
    others.reduce((least, one) => (one.score < least.score ? one : least), first);
  const forecast = (rival: typeof first, command: Case, logPrice: number): LogForecast => {
    const evidence = command.keys.map(({ level, key }) => ({
      level,
      summary: rival.levels.get(nameOf(level, key)) ?? NO_SUMMARY,
    }));
    return forecastLog(modelOf(rival), prior, evidence, command.at, logPrice);
  };

  return {
    open: (command) => {
      const logPrice = command.logPrice ?? prices.mean;
      const said = rivals.map((rival) => forecast(rival, command, logPrice));
      const used = said[rivals.indexOf(best())] ?? forecast(best(), command, logPrice);
      return { forecast: used, rivals: said, logPrice };
    },

    learn: (command, open, value) => {
      if (open !== null) {
        rivals.forEach((rival, index) => {
          const said = open.rivals[index];
          if (said === undefined) return;
          const relative = value - (rival.settings.byPrice ? open.logPrice : 0);
          rival.tuner.learn(said.estimate.steps, relative);
          rival.calibrator.add((relative - said.estimate.mean) / said.estimate.deviation);
          rival.score = rival.score * SCORE_MEMORY + pinballLoss(said, value);
        });
        const { p10, p90, estimate } = open.forecast;
        const { held, tried } = records[estimate.level] ?? { held: 0, tried: 0 };
        const holds = value >= p10 && value <= p90;
        records[estimate.level] = { held: held + (holds ? 1 : 0), tried: tried + 1 };
      }
      for (const { settings, levels } of rivals) {
        const relative = value - (settings.byPrice ? (command.logPrice ?? prices.mean) : 0);
        for (const { level, key } of command.keys) {
          const name = nameOf(level, key);
          const before = levels.get(name) ?? NO_SUMMARY;
          levels.set(name, addValue(before, relative, command.at, settings.halfLifeMs));
        }
      }
      if (command.logPrice !== null) prices = addValue(prices, command.logPrice, command.at, Infinity);
    },

    model: () => structuredClone(modelOf(best())),
  };
}

function nameOf(level: Level, key: string): string {
  return `${level} ${key}`;
}
