import { costOfRequests, type RequestCost } from "../../shared/agent/cost.ts";
import type { Execution } from "../../shared/agent/execution.ts";
import { findPrice } from "../../shared/agent/find-price.ts";
import { PRICE_VERSION } from "../../shared/agent/prices.ts";
import { parseUsd } from "../../shared/agent/usd.ts";
import {
  addUsage,
  NO_USAGE,
  promptTokens,
  sameUsage,
  totalTokens,
  type Usage,
} from "../../shared/agent/usage.ts";
import type { Fault } from "../../shared/errors.ts";

/** What is derived from an execution's tokens. Unknown is null: tokens nobody told, costs nobody can compute. */
export interface Measures {
  usage: Usage | null;
  model: string | null;
  total_tokens: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  fresh_tokens: number | null;
  cache_hit_rate: number | null;
  /** Money in whole pico-dollars. */
  cost_usd: bigint | null;
  fresh_cost_usd: bigint | null;
  cache_savings_usd: bigint | null;
  /** What the agent itself said; kept whatever we compute. */
  reported_cost_usd: bigint | null;
  cost_basis: "reported" | "computed" | "unpriced" | null;
  price_version: string | null;
  warnings: Fault[];
}

/**
 * Adds up an execution's tokens and prices them. Requests are the truth where they are sent: totals that contradict them
 * are replaced, and a warning says so.
 */
export function measureExecution(execution: Execution): Measures {
  const warnings: Fault[] = [];
  const usage = usageOf(execution, warnings);
  const model = modelOf(execution);
  const reported_cost_usd = reportedCost(execution);
  return {
    usage,
    model,
    reported_cost_usd,
    ...tokensOf(usage),
    ...costOf(execution, usage, model, warnings),
    warnings,
  };
}

function usageOf(execution: Execution, warnings: Fault[]): Usage | null {
  const told = execution.usage ?? null;
  if (execution.requests === undefined || execution.requests === null) return told;
  let sum: Usage = NO_USAGE;
  for (const request of execution.requests) sum = addUsage(sum, request.usage);
  if (told !== null && !sameUsage(told, sum)) {
    warnings.push({ pointer: "/usage", detail: "contradicts the sum of requests, which was stored instead" });
  }
  return sum;
}

/** The model told, or else the one that handled most tokens. */
function modelOf(execution: Execution): string | null {
  if (execution.model !== undefined && execution.model !== null) return execution.model;
  const tokens = new Map<string, number>();
  for (const request of execution.requests ?? []) {
    tokens.set(request.model, (tokens.get(request.model) ?? 0) + totalTokens(request.usage));
  }
  let most: [string, number] | null = null;
  for (const entry of tokens) if (most === null || entry[1] > most[1]) most = entry;
  return most?.[0] ?? null;
}

function tokensOf(usage: Usage | null) {
  if (usage === null) {
    return {
      total_tokens: null,
      input_tokens: null,
      output_tokens: null,
      cached_tokens: null,
      cache_write_5m_tokens: null,
      cache_write_1h_tokens: null,
      fresh_tokens: null,
      cache_hit_rate: null,
    };
  }
  const total = totalTokens(usage);
  return {
    total_tokens: total,
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cached_tokens: usage.cache_read_tokens,
    cache_write_5m_tokens: usage.cache_write_5m_tokens,
    cache_write_1h_tokens: usage.cache_write_1h_tokens,
    fresh_tokens: total - usage.cache_read_tokens,
    cache_hit_rate: total === 0 ? 0 : (usage.cache_read_tokens / total) * 100,
  };
}

function reportedCost(execution: Execution): bigint | null {
  const reported = execution.reported_cost_usd ?? null;
  return reported === null ? null : parseUsd(String(reported));
}

type CostColumns = Pick<
  Measures,
  "cost_usd" | "fresh_cost_usd" | "cache_savings_usd" | "cost_basis" | "price_version"
>;

function costOf(
  execution: Execution,
  usage: Usage | null,
  model: string | null,
  warnings: Fault[],
): CostColumns {
  const computed = computedCost(execution, usage, model, warnings);
  if (computed !== null) {
    return {
      cost_usd: computed.costPico,
      fresh_cost_usd: computed.freshPico,
      cache_savings_usd: computed.savingsPico,
      cost_basis: "computed",
      price_version: PRICE_VERSION,
    };
  }
  const unknown = { fresh_cost_usd: null, cache_savings_usd: null, price_version: null };
  if (execution.status === "pending") return { ...unknown, cost_usd: null, cost_basis: null };
  // What an agent charges for a model we do not know may be a guess of its own: it is kept beside, not believed.
  const reported = reportedCost(execution);
  const believable = reported !== null && (model === null || findPrice(model, execution.timestamp) !== null);
  if (believable) return { ...unknown, cost_usd: reported, cost_basis: "reported" };
  return { ...unknown, cost_usd: null, cost_basis: "unpriced" };
}

function computedCost(
  execution: Execution,
  usage: Usage | null,
  model: string | null,
  warnings: Fault[],
): RequestCost | null {
  if (execution.requests !== undefined && execution.requests !== null)
    return costOfRequests(execution.requests);
  if (usage === null || model === null) return null;
  const price = findPrice(model, execution.timestamp);
  if (price === null) return null;
  // A tier prices a whole request by its own size, which a sum over several requests does not tell.
  if (price.tiers.some((tier) => promptTokens(usage) > tier.abovePromptTokens)) {
    warnings.push({
      pointer: "/usage",
      detail: `${model} has a price by request size; send requests[] with the usage of each to have this priced`,
    });
    return null;
  }
  return costOfRequests([{ model, timestamp: execution.timestamp, usage }]);
}
