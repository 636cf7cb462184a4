import type { ModelRequest } from "../../shared/agent/execution.ts";
import { NO_USAGE, promptTokens, totalTokens } from "../../shared/agent/usage.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import type { ModelTotal, Totals } from "./model-totals.ts";
import type { ObservedRequest } from "./observe.ts";

export interface Spread {
  readonly requests: readonly ModelRequest[];
  /** True when each request's tokens are as the agent told them; the sums are right in any case. */
  readonly exact: boolean;
  /** Those that stand for several requests: their size says nothing about the size of a single prompt. */
  readonly sums: readonly ModelRequest[];
}

interface Context {
  readonly executionId: string;
  readonly timestamp: string;
  readonly observed: readonly ObservedRequest[];
  /** Share of the one-hour kind in the main loop's cache writes, 0 to 1; for agents that do not tell it by model. */
  readonly hourShare: number;
  readonly fast: boolean;
  readonly inferenceGeo: string | null;
}

/**
 * Divides a run's totals into requests, because a price can depend on the size of a single prompt. Requests seen in the
 * stream keep their own prompt tokens; answers, which the stream does not count, share the model's output evenly; what
 * was not seen (titles, older sub-agents) becomes one request more. The sums per model are always the totals'.
 */
export function spreadRequests(totals: Totals, context: Context): Spread {
  const parts = [...totals].map(([model, total]) => {
    const observed = context.observed.filter((one) => one.model === model);
    return spreadModel(model, total, { ...context, observed });
  });
  return {
    requests: parts.flatMap((part) => part.requests),
    exact: parts.every((part) => part.exact),
    sums: parts.flatMap((part) => part.sums),
  };
}

function spreadModel(model: string, total: ModelTotal, context: Context): Spread {
  const { observed } = context;
  const seen = sum(observed);
  const unknown = observed.filter((one) => !one.outputKnown).length;
  const rest: Usage = {
    input_tokens: total.input - seen.input_tokens,
    output_tokens: total.output - seen.output_tokens,
    cache_read_tokens: total.cacheRead - seen.cache_read_tokens,
    ...writesLeft(total, seen, context.hourShare),
  };
  const guessedSplit =
    total.cacheWrite1h === null && rest.cache_write_5m_tokens + rest.cache_write_1h_tokens > 0;
  if (observed.length === 0 || Object.values(rest).some((tokens) => tokens < 0)) {
    const usage: Usage = {
      input_tokens: total.input,
      output_tokens: total.output,
      cache_read_tokens: total.cacheRead,
      ...writesLeft(total, NO_USAGE, context.hourShare),
    };
    const sums = [wholeRequest(model, total, usage, context)];
    return { requests: sums, exact: false, sums };
  }
  const hidden = promptTokens(rest) > 0 || (unknown === 0 && rest.output_tokens > 0);
  const shares = shareOut(rest.output_tokens, unknown + (hidden ? 1 : 0));
  const requests = observed.map((one) =>
    toSent(one, one.outputKnown ? one.usage.output_tokens : (shares.pop() ?? 0)),
  );
  const searches = total.webSearches - observed.reduce((count, one) => count + one.webSearches, 0);
  const sums: ModelRequest[] = [];
  if (hidden) {
    const usage = { ...rest, output_tokens: shares.pop() ?? 0 };
    sums.push(wholeRequest(model, { ...total, webSearches: Math.max(0, searches) }, usage, context));
  } else if (searches > 0 && requests[0] !== undefined) {
    requests[0] = { ...requests[0], web_search_requests: (requests[0].web_search_requests ?? 0) + searches };
  }
  return { requests: [...requests, ...sums], exact: !hidden && unknown <= 1 && !guessedSplit, sums };
}

/** Cache writes that are not accounted for yet, divided by lifetime. */
function writesLeft(
  total: ModelTotal,
  seen: Usage,
  hourShare: number,
): Pick<Usage, "cache_write_5m_tokens" | "cache_write_1h_tokens"> {
  const left = total.cacheWrite - seen.cache_write_5m_tokens - seen.cache_write_1h_tokens;
  const hour =
    total.cacheWrite1h === null
      ? Math.round(left * hourShare)
      : total.cacheWrite1h - seen.cache_write_1h_tokens;
  return { cache_write_5m_tokens: left - hour, cache_write_1h_tokens: hour };
}

function toSent(one: ObservedRequest, output: number): ModelRequest {
  return {
    id: one.id.slice(0, 200),
    model: one.model,
    timestamp: one.timestamp,
    usage: { ...one.usage, output_tokens: output },
    ...(one.fast ? { speed: "fast" } : {}),
    ...(one.inferenceGeo === null ? {} : { inference_geo: one.inferenceGeo }),
    ...(one.webSearches === 0 ? {} : { web_search_requests: one.webSearches }),
  };
}

/** Stands for all requests of a model that are known by their sum only. */
function wholeRequest(model: string, total: ModelTotal, usage: Usage, context: Context): ModelRequest {
  return {
    id: `${context.executionId}:${model}`.slice(0, 200),
    model: model.slice(0, 100),
    timestamp: context.timestamp,
    usage,
    ...(context.fast ? { speed: "fast" } : {}),
    ...(context.inferenceGeo === null ? {} : { inference_geo: context.inferenceGeo }),
    ...(total.webSearches === 0 ? {} : { web_search_requests: total.webSearches }),
  };
}

function sum(observed: readonly ObservedRequest[]): Usage {
  const all: Usage = { ...NO_USAGE };
  for (const { usage, outputKnown } of observed) {
    all.input_tokens += usage.input_tokens;
    all.cache_read_tokens += usage.cache_read_tokens;
    all.cache_write_5m_tokens += usage.cache_write_5m_tokens;
    all.cache_write_1h_tokens += usage.cache_write_1h_tokens;
    if (outputKnown) all.output_tokens += usage.output_tokens;
  }
  return all;
}

/** Whole parts that add up to `amount`, as even as can be. */
function shareOut(amount: number, parts: number): number[] {
  const base = parts === 0 ? 0 : Math.floor(amount / parts);
  return Array.from({ length: parts }, (_, at) => base + (at < amount - base * parts ? 1 : 0));
}

/** The model a run is filed under: the one it was started with if that was asked, else the one with most tokens. */
export function mainModel(requests: readonly ModelRequest[], started: string | null): string | null {
  const tokens = new Map<string, number>();
  for (const { model, usage } of requests) tokens.set(model, (tokens.get(model) ?? 0) + totalTokens(usage));
  if (started !== null && (tokens.size === 0 || tokens.has(started))) return started;
  let best: [string, number] | null = null;
  for (const entry of tokens) if (best === null || entry[1] > best[1]) best = entry;
  return best?.[0] ?? null;
}
