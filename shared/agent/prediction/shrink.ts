import type { Level } from "./level.ts";
import { type LogSummary, weightAt } from "./log-summary.ts";

/** What to expect before there is any evidence, worth as much as `weight` executions. */
export interface LogPrior {
  readonly mean: number;
  readonly deviation: number;
  readonly weight: number;
}

export interface LevelEvidence {
  readonly level: Level;
  readonly summary: LogSummary;
}

export interface ShrinkSettings {
  /** How much each level is trusted against the one above it. */
  readonly trust: Trust;
  /** After how long an execution counts half. */
  readonly halfLifeMs: number;
}

/** Executions that a level may need before it counts as much as the one above; infinite for a level that says nothing. */
export const SHRINKAGES: readonly number[] = [1.5, 5, 20, Infinity];
/** The share of belief in each of the shrinkages, by level. */
export type Trust = Readonly<Partial<Record<Level, readonly number[]>>>;
/** For a level that no record speaks for or against. */
export const USUAL_TRUST: readonly number[] = [0.1, 0.4, 0.25, 0.25];

/** One level's own word, before and after it was drawn towards the level above. */
export interface Step {
  readonly level: Level;
  readonly weight: number;
  readonly own: number;
  readonly above: number;
}

/** Where the logarithm of a quantity is expected, how far it strays, and what that rests on. */
export interface Estimate {
  readonly mean: number;
  readonly deviation: number;
  /** The most specific level whose own executions outweigh what it was shrunk towards. */
  readonly level: Level;
  /** Executions of that level, faded ones included. */
  readonly sampleSize: number;
  readonly steps: readonly Step[];
}

/** A spread needs more values than a mean before it can be trusted. */
const SPREAD_WEIGHT = 30;
/** One in a hundred: however alike the past was, errors are measured in units of this. */
const DEVIATION_MIN = 0.01;

/**
 * Goes from the general to the specific: each level's mean is drawn towards that of the level above it with the weight
 * of `shrinkage` executions (the posterior mean of a normal hierarchy), and so is its spread about that mean. A level with
 * one execution changes little and one with hundreds speaks for itself. A level that holds all there is of the
 * organization says nothing more: an organization's first execution is not told again by each of its levels.
 */
export function shrink(
  prior: LogPrior,
  evidence: readonly LevelEvidence[],
  now: number,
  settings: ShrinkSettings,
): Estimate {
  let { mean } = prior;
  let variance = prior.deviation ** 2;
  let used: Pick<Estimate, "level" | "sampleSize"> = { level: "prior", sampleSize: 0 };
  const steps: Step[] = [];
  let whole: LogSummary | null = null;
  for (const { level, summary } of evidence) {
    const weight = weightAt(summary, now, settings.halfLifeMs);
    if (!(weight > 0)) continue;
    const isWhole = whole !== null && isSame(whole, summary);
    if (level === "organization") whole = summary;
    if (isWhole) {
      if (used.level !== "prior") used = { level, sampleSize: summary.count };
      continue;
    }
    steps.push({ level, weight, own: summary.mean, above: mean });
    const trust = settings.trust[level] ?? USUAL_TRUST;
    const share = level === "organization" ? drawn(weight, prior.weight) : expected(trust, weight);
    mean += share * (summary.mean - mean);
    const spread = summary.variance + (summary.mean - mean) ** 2;
    variance += Math.min(share, drawn(weight, SPREAD_WEIGHT)) * (spread - variance);
    if (share >= 0.5) used = { level, sampleSize: summary.count };
  }
  return { mean, deviation: Math.max(DEVIATION_MIN, Math.sqrt(variance)), ...used, steps };
}

/** The share that a level's own executions have against those of the level above. */
export function drawn(weight: number, towards: number): number {
  return weight / (weight + towards);
}

function expected(trust: readonly number[], weight: number): number {
  return SHRINKAGES.reduce(
    (sum, shrinkage, index) => sum + (trust[index] ?? 0) * drawn(weight, shrinkage),
    0,
  );
}

function isSame(one: LogSummary, other: LogSummary): boolean {
  return one.count === other.count && one.lastAt === other.lastAt && one.mean === other.mean;
}
