import { createCalibrator } from "./calibration.ts";
import type { Level, LevelKey } from "./level.ts";
import { type LevelStore, levelsInMemory } from "./level-store.ts";
import { createLevelTuner, type LevelLosses } from "./level-tuner.ts";
import { addValue, type LogSummary, NO_SUMMARY } from "./log-summary.ts";
import { pinballLoss } from "./pinball-loss.ts";
import { forecastLog, type LogForecast, type QuantityModel, type TrackRecord } from "./predict.ts";
import { type Candidates, SETTINGS } from "./settings.ts";
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

/** What a forecaster knows besides its levels, as plain data: who stores it can go on from there, to the last digit. */
export interface ForecasterState {
  /** In the order of the settings. */
  readonly rivals: readonly {
    readonly losses: LevelLosses;
    readonly outcomes: readonly number[];
    readonly score: number;
  }[];
  readonly records: QuantityModel["records"];
  /** Of the logarithms of prices seen. */
  readonly prices: LogSummary;
}

export interface Forecaster {
  /** What the quantity's logarithm will be, from the executions learned so far. */
  readonly open: (command: Case) => OpenForecast;
  /**
   * Learns an outcome: grades the forecast that was made for it, then adds the value to its levels. Without a forecast
   * nothing is graded.
   */
  readonly learn: (command: Case, open: OpenForecast | null, value: number) => void;
  /** What has been learned besides the levels' summaries. */
  readonly model: () => QuantityModel;
  /** Which of the settings that model has: its place among a level's summaries. */
  readonly setting: () => number;
  readonly state: () => ForecasterState;
}

interface ForecasterPast {
  readonly levels?: LevelStore;
  /** Of a forecaster with the same settings, or null to begin. */
  readonly state?: ForecasterState | null;
}

/** Settings are judged by about the latest 200 outcomes. */
const SCORE_MEMORY = 0.995;
/** What every other setting's score starts behind that of the first, in pinball loss. */
const HEAD_START = 1;

/**
 * Forecasts one quantity over a stream of executions, in the order in which they would have been known. Every setting
 * forecasts each case; the one with the lowest loss so far is used, and intervals come from its own earlier errors, so
 * nothing is taken from what lies ahead. Hand it the executions of one organization.
 */
export function createForecaster(
  prior: LogPrior,
  candidates: Candidates = SETTINGS,
  { levels = levelsInMemory(), state = null }: ForecasterPast = {},
): Forecaster {
  const rivals = candidates.map((settings, index) => {
    const known = state?.rivals[index];
    return {
      settings,
      tuner: createLevelTuner(known?.losses),
      calibrator: createCalibrator(known?.outcomes),
      score: known?.score ?? (index === 0 ? 0 : HEAD_START),
    };
  });
  type Rival = (typeof rivals)[number];
  const records: Partial<Record<Level, TrackRecord>> = { ...state?.records };
  let prices = state?.prices ?? NO_SUMMARY;

  const modelOf = (rival: Rival): QuantityModel => ({
    settings: rival.settings,
    trust: rival.tuner.trust(),
    calibration: rival.calibrator.current(),
    records,
  });
  const best = (): number =>
    rivals.reduce((least, one, index) => (one.score < (rivals[least]?.score ?? Infinity) ? index : least), 0);
  const getRival = (index: number): Rival => {
    const rival = rivals[index];
    if (rival === undefined) throw new RangeError("no settings to choose from");
    return rival;
  };

  return {
    open: (command) => {
      const logPrice = command.logPrice ?? prices.mean;
      const known = command.keys.map((key) => ({ level: key.level, summaries: levels.find(key) }));
      const said = rivals.map((rival, index) => {
        const evidence = known.map(({ level, summaries }) => ({
          level,
          summary: summaries?.[index] ?? NO_SUMMARY,
        }));
        return forecastLog(modelOf(rival), prior, evidence, command.at, logPrice);
      });
      const used = said[best()];
      if (used === undefined) throw new RangeError("no settings to choose from");
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
      const logPrice = command.logPrice ?? prices.mean;
      for (const key of command.keys) {
        const before = levels.find(key);
        const after = rivals.map(({ settings }, index) =>
          addValue(
            before?.[index] ?? NO_SUMMARY,
            value - (settings.byPrice ? logPrice : 0),
            command.at,
            settings.halfLifeMs,
          ),
        );
        levels.save(key, after);
      }
      if (command.logPrice !== null) prices = addValue(prices, command.logPrice, command.at, Infinity);
    },

    model: () => structuredClone(modelOf(getRival(best()))),
    setting: best,
    state: () =>
      structuredClone({
        rivals: rivals.map(({ tuner, calibrator, score }) => ({
          losses: tuner.losses(),
          outcomes: calibrator.outcomes(),
          score,
        })),
        records,
        prices,
      }),
  };
}
