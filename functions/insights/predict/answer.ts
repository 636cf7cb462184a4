import type { Level } from "../../../shared/agent/prediction/level.ts";
import type { Prediction } from "../../../shared/agent/prediction/predict.ts";
import { PRICE_VERSION } from "../../../shared/agent/prices.ts";
import { formatUsd, parseUsd } from "../../../shared/agent/usd.ts";
import type { Fault } from "../../../shared/errors.ts";
import type { CommandKeys } from "./command-keys.ts";
import type { CommandPrediction } from "./predict-command.ts";
import type { Evidence } from "./read-evidence.ts";

interface Quantiles<Value> {
  p10: Value;
  p50: Value;
  p90: Value;
}

interface Predicted<Value> extends Quantiles<Value> {
  /** The most specific evidence that outweighs the rest; `prior` where the organization's own says nothing yet. */
  level: Level;
  /** Executions of that level. */
  sample_size: number;
  /** How often earlier intervals p10–p90 of that level held, of how many; null before there were any. */
  calibration: { coverage: number; tried: number } | null;
}

/** The answer for one command. */
export interface PredictionAnswer {
  command: { base: string; signature: string; task_kind: string };
  model: string | null;
  price_version: string;
  /** Decimal dollars; null where `cost_unknown` says why. */
  cost_usd: Predicted<string> | null;
  cost_unknown: string | null;
  input_tokens: Predicted<number>;
  output_tokens: Predicted<number>;
  cache_read_tokens: Predicted<number>;
  cache_write_tokens: Predicted<number>;
  total_tokens: Predicted<number>;
  execution_time_ms: Predicted<number>;
  failure_probability: Quantiles<number> & {
    probability: number;
    level: Level;
    sample_size: number;
    /** Of earlier runs that this level told a probability of: how many failed, and how many were to be expected. */
    calibration: { tried: number; failed: number; expected: number } | null;
  };
}

export interface BudgetAnswer {
  max_usd: string;
  /** Null where the cost cannot be told. */
  p50_exceeds: boolean | null;
  p90_exceeds: boolean | null;
}

/** What the predictions rest on; null before anything was learned. */
interface LearnedAnswer {
  executions: number;
  until: string;
}

export interface SingleAnswer extends PredictionAnswer {
  learned: LearnedAnswer | null;
  budget: BudgetAnswer | null;
}

export interface BatchAnswer {
  learned: LearnedAnswer | null;
  predictions: (({ index: number } & PredictionAnswer) | { index: number; errors: Fault[] })[];
  rejected: number;
  /** Of all commands together; null where `total_unknown` says why. */
  total_cost_usd: Quantiles<string> | null;
  total_unknown: string | null;
  budget: BudgetAnswer | null;
}

const USD_MAX = 1e12;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;

export function describeLearned({ executions, learnedUntil }: Evidence): LearnedAnswer | null {
  return learnedUntil === null ? null : { executions, until: learnedUntil };
}

export function describePrediction(
  keys: CommandKeys,
  model: string | null,
  { quantities, costUnknown, failure }: CommandPrediction,
): PredictionAnswer {
  const { record, probability, p10, p50, p90, level, sample_size } = failure;
  return {
    command: { base: keys.base, signature: keys.signature, task_kind: keys.taskKind },
    model,
    price_version: PRICE_VERSION,
    cost_usd: costUnknown === null ? { ...quantities.cost_usd, ...inDollars(quantities.cost_usd) } : null,
    cost_unknown: costUnknown,
    input_tokens: inWhole(quantities.input_tokens),
    output_tokens: inWhole(quantities.output_tokens),
    cache_read_tokens: inWhole(quantities.cache_read_tokens),
    cache_write_tokens: inWhole(quantities.cache_write_tokens),
    total_tokens: inWhole(quantities.total_tokens),
    execution_time_ms: inWhole(quantities.duration_ms),
    failure_probability: {
      probability: rounded(probability),
      p10: rounded(p10),
      p50: rounded(p50),
      p90: rounded(p90),
      level,
      sample_size,
      calibration: record === null ? null : { ...record, expected: rounded(record.expected) },
    },
  };
}

/** `cost` in dollars, or null where it cannot be told; null without a budget. */
export function describeBudget(maxUsd: bigint | null, cost: Quantiles<number> | null): BudgetAnswer | null {
  if (maxUsd === null) return null;
  return {
    max_usd: shortUsd(maxUsd),
    p50_exceeds: cost === null ? null : picoOf(cost.p50) > maxUsd,
    p90_exceeds: cost === null ? null : picoOf(cost.p90) > maxUsd,
  };
}

export function inDollars({ p10, p50, p90 }: Quantiles<number>): Quantiles<string> {
  return { p10: shortUsd(picoOf(p10)), p50: shortUsd(picoOf(p50)), p90: shortUsd(picoOf(p90)) };
}

/** To a millionth of a dollar: more digits than any prediction has. */
function picoOf(usd: number): bigint {
  return parseUsd(Math.min(usd, USD_MAX).toFixed(6)) ?? 0n;
}

function shortUsd(pico: bigint): string {
  return formatUsd(pico).replace(/\.?0+$/, "");
}

function inWhole({ p10, p50, p90, ...rest }: Prediction): Predicted<number> {
  return { p10: whole(p10), p50: whole(p50), p90: whole(p90), ...rest };
}

function whole(value: number): number {
  return Math.min(COUNT_MAX, Math.round(value));
}

function rounded(share: number): number {
  return Number(share.toFixed(6));
}
