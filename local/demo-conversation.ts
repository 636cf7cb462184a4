import { NO_USAGE, type Usage } from "../shared/agent/usage.ts";
import type { Random } from "./demo-random.ts";

export interface DemoRequest {
  id: string;
  model: string;
  timestamp: string;
  usage: Usage;
}

/** A conversation with a model: what it has read so far, and until when the provider keeps that cached. */
export interface Conversation {
  model: string;
  cacheLifetime: "5m" | "1h";
  prefixTokens: number;
  contextTokens: number;
  cachedTokens: number;
  cachedUntil: number;
}

const LIFETIME_MS = { "5m": 5 * 60_000, "1h": 60 * 60_000 } as const;
const CONTEXT_TOKENS_MAX = 168_000;
const SUMMARY_TOKENS = 2_600;

export function startConversation(
  options: Pick<Conversation, "model" | "cacheLifetime" | "prefixTokens"> & {
    at: number;
    prefixIsWarm: boolean;
  },
): Conversation {
  const { at, prefixIsWarm, ...rest } = options;
  return {
    ...rest,
    contextTokens: options.prefixTokens,
    cachedTokens: prefixIsWarm ? options.prefixTokens : 0,
    cachedUntil: prefixIsWarm ? at + LIFETIME_MS[options.cacheLifetime] : 0,
  };
}

/**
 * One request: what is still cached is read from there, the rest of the prompt is written to the cache but for the few
 * tokens after the last cache mark. A conversation that has grown too long goes on from a summary of itself.
 */
export function ask(
  random: Random,
  conversation: Conversation,
  at: number,
  addedTokens: number,
  outputTokens: number,
): DemoRequest {
  if (conversation.contextTokens + addedTokens > CONTEXT_TOKENS_MAX) compact(conversation);
  const promptTokens = conversation.contextTokens + addedTokens;
  const uncached = random.whole(2, 12);
  const read = at <= conversation.cachedUntil ? conversation.cachedTokens : 0;
  const written = Math.max(0, promptTokens - uncached - read);
  conversation.cachedTokens = promptTokens - uncached;
  conversation.cachedUntil = at + LIFETIME_MS[conversation.cacheLifetime];
  conversation.contextTokens = promptTokens + outputTokens;
  return {
    id: `req_demo${random.hex(20)}`,
    model: conversation.model,
    timestamp: new Date(at).toISOString(),
    usage: usageOf(conversation, uncached, outputTokens, read, written),
  };
}

/** How long the request took: the wait for the first token, then the writing. */
export function durationMs(random: Random, request: DemoRequest): number {
  return Math.round(
    random.around(1_100, 0.35) + (request.usage.output_tokens / random.around(68, 0.2)) * 1_000,
  );
}

function compact(conversation: Conversation): void {
  conversation.contextTokens = conversation.prefixTokens + SUMMARY_TOKENS;
  conversation.cachedTokens = conversation.prefixTokens;
}

function usageOf(
  conversation: Conversation,
  input: number,
  output: number,
  read: number,
  written: number,
): Usage {
  return {
    ...NO_USAGE,
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: read,
    [conversation.cacheLifetime === "1h" ? "cache_write_1h_tokens" : "cache_write_5m_tokens"]: written,
  };
}
