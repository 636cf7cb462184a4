import { addUsage, NO_USAGE, promptTokens } from "../../shared/agent/usage.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import type { Observation } from "./observe.ts";
import { toUsage } from "./observe.ts";
import type { ModelTotal, Totals } from "./model-totals.ts";
import { addTotals, NO_TOTAL, subtractTotals, toTotals } from "./model-totals.ts";

/** Where a run's totals come from, from the surest to the least sure. */
type UsageSource =
  | "since_last_result"
  | "model_usage"
  | "model_usage_delta"
  | "stream"
  | "main_loop"
  | "none";

export interface RunTotals {
  /** What this run used, by model; null when that is not known. */
  readonly totals: Totals | null;
  readonly source: UsageSource;
  /** False when the run may have used more. */
  readonly complete: boolean;
  /** The result's own totals, which can be those of all runs of its session. */
  readonly reported: Totals | null;
}

export interface Lineage {
  /** The run continues a session, as its command line or our memory of the session says. */
  readonly resumed: boolean;
  /** What the continued session's last run reported. */
  readonly before: Totals | null;
}

/** From this version on a continued session's result tells of all its runs together. */
const CUMULATIVE_SINCE = [2, 1, 277];

/**
 * The part of a result that belongs to this run. `usage` alone is not it: it leaves out sub-agents and is zero when a
 * budget ended the run. Neither is `modelUsage`: since 2.1.277 it counts a continued session's earlier runs again.
 */
export function runTotals(observation: Observation, lineage: Lineage): RunTotals {
  const { result, results } = observation;
  if (result === null) return fromStream(observation, null);
  const reported = result.modelUsage === undefined ? null : toTotals(result.modelUsage);

  if (results.length > 0 && results.every((one) => one.sinceLast !== null)) {
    const totals = results.reduce<Totals>(
      (sum, one) => addTotals(sum, toTotals(one.sinceLast ?? {})),
      new Map(),
    );
    return { totals, source: "since_last_result", complete: true, reported };
  }
  const mainLoop = mainLoopUsage(observation);
  if (reported !== null && reported.size > 0) {
    if (!lineage.resumed || isPerRun(observation.agentVersion) || isOnly(reported, mainLoop)) {
      return { totals: reported, source: "model_usage", complete: true, reported };
    }
    const delta = lineage.before === null ? null : subtractTotals(reported, lineage.before);
    if (delta !== null && covers(delta, mainLoop)) {
      return { totals: delta, source: "model_usage_delta", complete: true, reported };
    }
  }
  if (observation.requests.length > 0) return fromStream(observation, reported);
  return fromMainLoop(observation, reported, mainLoop);
}

/** The requests that were seen: every prompt is counted, answers as far as they are known. */
function fromStream(observation: Observation, reported: Totals | null): RunTotals {
  const { requests, result } = observation;
  if (requests.length === 0) return { totals: null, source: "none", complete: false, reported };
  const totals = new Map<string, ModelTotal>();
  for (const { model, usage, webSearches, outputKnown } of requests) {
    const output = outputKnown ? usage.output_tokens : 0;
    const sum = totals.get(model) ?? { ...NO_TOTAL, costPico: null };
    totals.set(model, plus(sum, { ...usage, output_tokens: output }, webSearches));
  }
  const main = mainLoopUsage(observation);
  const [model, only] = [...totals][0] ?? [];
  const isMain = requests.every((one) => one.mainLoop) && totals.size === 1;
  if (
    main !== null &&
    isMain &&
    only !== undefined &&
    model !== undefined &&
    only.input === main.input_tokens
  ) {
    totals.set(model, { ...only, output: Math.max(only.output, main.output_tokens) });
    return { totals, source: "stream", complete: result !== null, reported };
  }
  const complete = result !== null && requests.every((one) => one.outputKnown);
  return { totals, source: "stream", complete, reported };
}

function fromMainLoop(observation: Observation, reported: Totals | null, main: Usage | null): RunTotals {
  const model = observation.model ?? (reported?.size === 1 ? [...reported.keys()][0] : undefined);
  if (main === null || isZero(main)) {
    // A call that failed before any model answered: nothing was used, and that is known.
    const nothing = reported?.size === 0 && main !== null;
    return {
      totals: nothing ? new Map() : null,
      source: nothing ? "model_usage" : "none",
      complete: nothing,
      reported,
    };
  }
  if (model === undefined) return { totals: null, source: "none", complete: false, reported };
  const totals = new Map([[model, plus({ ...NO_TOTAL, costPico: null }, main, 0)]]);
  return { totals, source: "main_loop", complete: false, reported };
}

/** Sum of the results' `usage`, which is per result in every version. */
export function mainLoopUsage({ results }: Observation): Usage | null {
  let sum: Usage | null = null;
  for (const { usage } of results) if (usage !== null) sum = addUsage(sum ?? NO_USAGE, toUsage(usage));
  return sum;
}

function isPerRun(version: string | null): boolean {
  const parts = version?.split(".").map(Number);
  if (parts === undefined || parts.length < 3 || parts.some(Number.isNaN)) return false;
  for (const [at, limit] of CUMULATIVE_SINCE.entries()) {
    const part = parts[at] ?? 0;
    if (part !== limit) return part < limit;
  }
  return false;
}

/** The totals are those of the main loop and nothing else, so that they cannot hold an earlier run. */
function isOnly(totals: Totals, main: Usage | null): boolean {
  if (main === null || isZero(main)) return false;
  const all = [...totals.values()];
  const sum = (pick: (one: ModelTotal) => number): number => all.reduce((total, one) => total + pick(one), 0);
  return (
    sum((one) => one.input) === main.input_tokens &&
    sum((one) => one.output) === main.output_tokens &&
    sum((one) => one.cacheRead) === main.cache_read_tokens
  );
}

/** The main loop's tokens must be part of a right total. */
function covers(totals: Totals, main: Usage | null): boolean {
  if (main === null) return true;
  const all = [...totals.values()];
  const sum = (pick: (one: ModelTotal) => number): number => all.reduce((total, one) => total + pick(one), 0);
  return (
    sum((one) => one.input) >= main.input_tokens &&
    sum((one) => one.output) >= main.output_tokens &&
    sum((one) => one.cacheRead) >= main.cache_read_tokens &&
    sum((one) => one.cacheWrite) >= main.cache_write_5m_tokens + main.cache_write_1h_tokens
  );
}

function plus(total: ModelTotal, usage: Usage, webSearches: number): ModelTotal {
  return {
    ...total,
    input: total.input + usage.input_tokens,
    output: total.output + usage.output_tokens,
    cacheRead: total.cacheRead + usage.cache_read_tokens,
    cacheWrite: total.cacheWrite + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
    cacheWrite1h: (total.cacheWrite1h ?? 0) + usage.cache_write_1h_tokens,
    webSearches: total.webSearches + webSearches,
  };
}

function isZero(usage: Usage): boolean {
  return promptTokens(usage) + usage.output_tokens === 0;
}
