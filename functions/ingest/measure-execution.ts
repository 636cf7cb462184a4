import { costOfRequest, costOfRequests, type RequestCost } from "../../shared/agent/cost.ts";
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
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";

type MeasureColumns = Pick<
  ExecutionRow,
  | "total_tokens"
  | "input_tokens"
  | "output_tokens"
  | "cached_tokens"
  | "cache_write_5m_tokens"
  | "cache_write_1h_tokens"
  | "fresh_tokens"
  | "cache_hit_rate"
  | "cost_usd"
  | "fresh_cost_usd"
  | "cache_savings_usd"
  | "reported_cost_usd"
  | "cost_basis"
  | "price_version"
>;

/** What is derived from an execution's tokens. Unknown is null: tokens nobody told, costs nobody can compute. */
export interface Measures {
  usage: Usage | null;
  model: string | null;
  columns: MeasureColumns;
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
  const computed = computedCost(execution, usage, model, warnings);
  const reported = reportedCost(execution);
  const basis = costBasis(execution, model, computed, reported);
  const total = usage === null ? null : totalTokens(usage);
  return {
    usage,
    model,
    columns: {
      total_tokens: total,
      input_tokens: usage?.input_tokens ?? null,
      output_tokens: usage?.output_tokens ?? null,
      cached_tokens: usage?.cache_read_tokens ?? null,
      cache_write_5m_tokens: usage?.cache_write_5m_tokens ?? null,
      cache_write_1h_tokens: usage?.cache_write_1h_tokens ?? null,
      fresh_tokens: usage === null || total === null ? null : total - usage.cache_read_tokens,
      cache_hit_rate: usage === null || total === null ? null : hitRate(usage.cache_read_tokens, total),
      cost_usd: computed?.costPico ?? (basis === "reported" ? reported : null),
      fresh_cost_usd: computed?.freshPico ?? null,
      cache_savings_usd: computed?.savingsPico ?? null,
      reported_cost_usd: reported,
      cost_basis: basis,
      price_version: computed === null ? null : PRICE_VERSION,
    },
    warnings,
  };
}

function hitRate(cached: number, total: number): number {
  return total === 0 ? 0 : (cached / total) * 100;
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

function reportedCost(execution: Execution): bigint | null {
  const reported = execution.reported_cost_usd ?? null;
  return reported === null ? null : parseUsd(String(reported));
}

function costBasis(
  execution: Execution,
  model: string | null,
  computed: RequestCost | null,
  reported: bigint | null,
): "reported" | "computed" | "unpriced" | null {
  if (computed !== null) return "computed";
  if (execution.status === "pending") return null;
  // What an agent charges for a model we do not know may be a guess of its own: it is kept beside, not believed.
  const isKnown = model === null || findPrice(model, execution.timestamp) !== null;
  return reported !== null && isKnown ? "reported" : "unpriced";
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
  return costOfRequest({ model, timestamp: execution.timestamp, usage });
}
