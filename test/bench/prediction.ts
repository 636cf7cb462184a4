import { existsSync } from "node:fs";
import { join } from "node:path";
import { type FailureEvidence, predictFailure } from "../../shared/agent/prediction/failure.ts";
import type { Level } from "../../shared/agent/prediction/level.ts";
import { QUANTITIES, type Quantity, toLog } from "../../shared/agent/prediction/quantity.ts";
import { FAILURE_PRIOR } from "../../shared/agent/prediction/prior.ts";
import { SETTINGS, UNPRICED_SETTINGS } from "../../shared/agent/prediction/settings.ts";
import {
  backTest,
  baselineContender,
  type Contender,
  lastPrediction,
  NO_PRIOR,
  type Outcome,
  productContender,
  type Score,
  type Scored,
  scoreOf,
} from "./prediction-backtest.ts";
import {
  globalMedian,
  plainQuantiles,
  promptLengthRegression,
  repositoryMedian,
} from "./prediction-baselines.ts";
import { fromOtherRepositories, fromShippedPrior, describePrior } from "./prediction-prior.ts";
import { readSessions, type Session } from "./prediction-sessions.ts";
import { signalSkills } from "./prediction-signals.ts";
import { type BenchResult, result } from "./report.ts";

const DATA = join(import.meta.dirname, "../../../shared/data/cost-tables/agent-sessions.jsonl");
/** Fewer graded forecasts than this say nothing about a share of 80 %. */
const JUDGED_MIN = 50;
const NAMES: readonly string[] = ["global median", "repository median", "prompt length regression"];

/**
 * Back-tests predictions by time over a file of sessions and compares them, in the same run, with three baselines. Each
 * baseline is taken with the better of two intervals: from its own earlier errors, or the plain quantiles of its group.
 */
export async function benchPrediction(
  progress: (line: string) => void,
  path: string = DATA,
): Promise<BenchResult[]> {
  if (!existsSync(path)) {
    progress(`no data at ${path}: nothing was measured or judged; give a file with --file PATH`);
    return [];
  }
  const { sessions, unreadable } = readSessions(path);
  const outcomes = outcomesOf(sessions, "cost_usd");
  progress(
    `${sessions.length} sessions, ${outcomes.length} with a cost, ${unreadable} unreadable lines; ` +
      "a session is learned when it has ended, before those that start later",
  );
  const contenders = [
    productContender(NO_PRIOR, SETTINGS),
    ...[globalMedian(), repositoryMedian(), promptLengthRegression()].map(baselineContender),
    plainQuantiles("all"),
    plainQuantiles("repository"),
  ];
  const scored = backTest(outcomes, contenders);
  const [product, ...rest] = scored.map(scoreOf);
  if (product === undefined || product.count === 0) {
    progress("too few sessions to grade a single forecast: nothing was judged");
    return [];
  }
  const judged = product.count >= JUDGED_MIN;
  if (!judged) progress(`only ${product.count} graded forecasts: figures are told, not judged`);
  const [all, repository, length, allPlain, repositoryPlain] = rest;
  const baselines = [better(all, allPlain), better(repository, repositoryPlain), better(length, undefined)];
  progress(describePrior((quantity) => outcomesOf(sessions, quantity)));
  const last = lastPrediction("cost_usd", outcomes);
  if (last !== null) progress(`the last session, as it would have been answered: ${JSON.stringify(last)}`);
  return [
    result("graded forecasts", product.count, "sessions"),
    ...baselines.map((baseline, index) =>
      result(`pinball loss against ${NAMES[index]}`, product.pinball, "of log cost", {
        floor: baseline.pinball,
        ...(judged && { target: "below the baseline's", ok: ({ ratio }) => ratio < 1 }),
      }),
    ),
    result("coverage of p10 to p90", product.coverage, "of sessions", {
      ...(judged && { target: "0.75 to 0.85", ok: ({ value }) => value >= 0.75 && value <= 0.85 }),
    }),
    ...baselines.map((baseline, index) =>
      result(`median absolute error against ${NAMES[index]}`, product.medianError, "of log cost", {
        floor: baseline.medianError,
      }),
    ),
    ...baselines.map((baseline, index) =>
      result(`coverage of ${NAMES[index]}`, baseline.coverage, "of sessions"),
    ),
    ...byLevel(scored[0] ?? []),
    ...signalSkills(outcomes).map(({ name, r2 }) => result(`R² by time: ${name}`, r2, "of squared error")),
    ...coldResults(outcomes, product.count),
    ...QUANTITIES.filter((quantity) => quantity !== "cost_usd").flatMap((quantity) =>
      otherQuantity(outcomesOf(sessions, quantity), quantity),
    ),
    ...failureResults(sessions),
  ];
}

function outcomesOf(sessions: readonly Session[], quantity: Quantity): Outcome[] {
  return sessions.flatMap((session) => {
    const value = session.outcome[quantity];
    return value === undefined ? [] : [{ session, value: toLog(quantity, value) }];
  });
}

/** The loss of the better interval; error and coverage are those of the same contender. */
function better(one: Score | undefined, other: Score | undefined): Score {
  if (one === undefined) throw new RangeError("a baseline was not run");
  return other !== undefined && other.pinball < one.pinball ? other : one;
}

function byLevel(scored: readonly Scored[]): BenchResult[] {
  const groups = Map.groupBy(scored, ({ level }): Level | "baseline" => level);
  return [...groups].flatMap(([level, group]) => {
    const score = scoreOf(group);
    return [
      result(`${level}: sessions`, score.count, "sessions"),
      result(`${level}: pinball loss`, score.pinball, "of log cost"),
      result(`${level}: median absolute error`, score.medianError, "of log cost"),
      result(`${level}: coverage of p10 to p90`, score.coverage, "of sessions"),
    ];
  });
}

/** What an organization is told on its first day. */
function coldResults(outcomes: readonly Outcome[], graded: number): BenchResult[] {
  const late = (scored: readonly Scored[]): Score => scoreOf(scored.slice(-graded));
  const others = late(fromOtherRepositories(outcomes));
  const shipped = late(fromShippedPrior(outcomes));
  return [
    result("cold, prior of the file's other repositories: pinball loss", others.pinball, "of log cost"),
    result("cold, prior of the file's other repositories: coverage", others.coverage, "of sessions"),
    result("cold, shipped prior: pinball loss", shipped.pinball, "of log cost"),
    result("cold, shipped prior: coverage", shipped.coverage, "of sessions"),
  ];
}

function otherQuantity(outcomes: readonly Outcome[], quantity: Quantity): BenchResult[] {
  const contenders: Contender[] = [
    productContender(NO_PRIOR, UNPRICED_SETTINGS),
    baselineContender(globalMedian()),
  ];
  const [product, baseline] = backTest(outcomes, contenders).map(scoreOf);
  if (product === undefined || baseline === undefined || product.count === 0) return [];
  return [
    result(`${quantity}: pinball loss against global median`, product.pinball, "of its log", {
      floor: baseline.pinball,
    }),
    result(`${quantity}: coverage of p10 to p90`, product.coverage, "of sessions"),
  ];
}

/** Squared error of the probability that a session meets an error of the API, against the rate so far. */
function failureResults(sessions: readonly Session[]): BenchResult[] {
  const seen = new Map<string, { count: number; failed: number }>();
  let [own, plain, count, failed] = [0, 0, 0, 0];
  for (const { command, hadApiError } of sessions) {
    const evidence = command.keys.map(({ level, key }): FailureEvidence => ({
      level,
      ...(seen.get(`${level} ${key}`) ?? { count: 0, failed: 0 }),
    }));
    const outcome = hadApiError ? 1 : 0;
    own += (predictFailure(FAILURE_PRIOR, evidence).probability - outcome) ** 2;
    plain += ((failed + 0.5) / (count + 1) - outcome) ** 2;
    count++;
    failed += outcome;
    for (const { level, key } of command.keys) {
      const before = seen.get(`${level} ${key}`) ?? { count: 0, failed: 0 };
      seen.set(`${level} ${key}`, { count: before.count + 1, failed: before.failed + outcome });
    }
  }
  if (count === 0) return [];
  return [
    result("failure: Brier score against the rate so far", own / count, "squared error", {
      floor: plain / count,
    }),
  ];
}
