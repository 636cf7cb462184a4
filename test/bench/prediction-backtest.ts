import { createCalibrator } from "../../shared/agent/prediction/calibration.ts";
import { createForecaster, type OpenForecast } from "../../shared/agent/prediction/forecaster.ts";
import type { Level } from "../../shared/agent/prediction/level.ts";
import { type LogQuantiles, pinballLoss } from "../../shared/agent/prediction/pinball-loss.ts";
import { type Prediction, toPrediction } from "../../shared/agent/prediction/predict.ts";
import type { Quantity } from "../../shared/agent/prediction/quantity.ts";
import {
  type PredictionSettings,
  SETTINGS,
  UNPRICED_SETTINGS,
} from "../../shared/agent/prediction/settings.ts";
import type { LogPrior } from "../../shared/agent/prediction/shrink.ts";
import type { Session } from "./prediction-sessions.ts";

/** One session and the logarithm of the quantity that it turned out to have. */
export interface Outcome {
  readonly session: Session;
  readonly value: number;
}

export interface Scored extends LogQuantiles {
  readonly outcome: Outcome;
  readonly level: Level | "baseline";
}

/** Forecasts from what is known, and learns outcomes one by one. */
export interface Contender {
  readonly forecast: (session: Session) => Omit<Scored, "outcome">;
  readonly learn: (outcome: Outcome) => void;
}

export interface Score {
  readonly count: number;
  readonly pinball: number;
  readonly medianError: number;
  readonly coverage: number;
}

/** Outcomes that are learned before the first forecast is graded. */
const WARM_UP = 20;

/**
 * Runs contenders over the sessions by time: each session is forecast when it starts, from those that had ended by then,
 * and is learned when it ends.
 */
export function backTest(outcomes: readonly Outcome[], contenders: readonly Contender[]): Scored[][] {
  const scored = contenders.map((): Scored[] => []);
  const running: Outcome[] = [];
  let known = 0;
  for (const outcome of outcomes) {
    const now = outcome.session.command.at;
    const ended = running.filter(({ session }) => session.endAt <= now && session !== outcome.session);
    for (const one of ended.sort((a, b) => a.session.endAt - b.session.endAt)) {
      running.splice(running.indexOf(one), 1);
      known++;
      for (const contender of contenders) contender.learn(one);
    }
    contenders.forEach((contender, index) => {
      const forecast = contender.forecast(outcome.session);
      if (known >= WARM_UP) scored[index]?.push({ ...forecast, outcome });
    });
    running.push(outcome);
  }
  return scored;
}

export function scoreOf(scored: readonly Scored[]): Score {
  const errors = scored.map(({ outcome, p50 }) => Math.abs(outcome.value - p50)).sort((a, b) => a - b);
  const held = scored.filter(({ outcome, p10, p90 }) => outcome.value >= p10 && outcome.value <= p90);
  const loss = scored.reduce((sum, one) => sum + pinballLoss(one, one.outcome.value), 0);
  return {
    count: scored.length,
    pinball: loss / scored.length,
    medianError: medianOf(errors),
    coverage: held.length / scored.length,
  };
}

export function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/** Nothing is known before the first session: the back-test must not be told what its own file is like. */
export const NO_PRIOR: LogPrior = { mean: 0, deviation: 1.5, weight: 0.01 };

/** The product's own forecaster. */
export function productContender(
  prior: LogPrior,
  settings: readonly [PredictionSettings, ...PredictionSettings[]],
): Contender {
  const forecaster = createForecaster(prior, settings);
  const open = new Map<Session, OpenForecast>();
  return {
    forecast: (session) => {
      const opened = forecaster.open(session.command);
      open.set(session, opened);
      const { p10, p50, p90, estimate } = opened.forecast;
      return { p10, p50, p90, level: estimate.level };
    },
    learn: ({ session, value }) => {
      forecaster.learn(session.command, open.get(session) ?? null, value);
      open.delete(session);
    },
  };
}

/** The last session as the product would have answered for it, with everything that had ended by then. */
export function lastPrediction(quantity: Quantity, outcomes: readonly Outcome[]): Prediction | null {
  const last = outcomes.at(-1);
  if (last === undefined) return null;
  const forecaster = createForecaster(NO_PRIOR, quantity === "cost_usd" ? SETTINGS : UNPRICED_SETTINGS);
  for (const { session, value } of outcomes) {
    if (session.endAt > last.session.command.at) continue;
    forecaster.learn(session.command, forecaster.open(session.command), value);
  }
  const { forecast } = forecaster.open(last.session.command);
  return toPrediction(quantity, forecast, forecaster.model().records);
}

/** A point forecast with an interval from its own earlier errors, made in the same way as the product's. */
export function baselineContender(point: PointForecast): Contender {
  const calibrator = createCalibrator();
  const points = new Map<Session, number>();
  return {
    forecast: (session) => {
      const p50 = point.forecast(session);
      points.set(session, p50);
      const { z10, z90 } = calibrator.current();
      return { p10: p50 + z10, p50, p90: p50 + z90, level: "baseline" };
    },
    learn: (outcome) => {
      const p50 = points.get(outcome.session);
      if (p50 !== undefined) calibrator.add(outcome.value - p50);
      point.learn(outcome);
    },
  };
}

export interface PointForecast {
  readonly forecast: (session: Session) => number;
  readonly learn: (outcome: Outcome) => void;
}
