import { z } from "zod";

/**
 * The parts of `claude -p --output-format stream-json` lines that the ledger needs. The format grows with every version,
 * so everything is optional and a part of another shape counts as absent.
 */
const count = z.int().min(0).optional().catch(undefined);
const money = z.number().min(0).optional().catch(undefined);
const text = z.string().optional().catch(undefined);

const tokenUsage = z
  .object({
    input_tokens: count,
    output_tokens: count,
    cache_read_input_tokens: count,
    cache_creation_input_tokens: count,
    cache_creation: z
      .object({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count })
      .nullish()
      .catch(undefined),
    server_tool_use: z.object({ web_search_requests: count }).nullish().catch(undefined),
    inference_geo: text,
    speed: text,
  })
  .optional()
  .catch(undefined);
export type TokenUsage = NonNullable<z.output<typeof tokenUsage>>;

const modelTotals = z
  .record(
    z.string(),
    z.object({
      inputTokens: z.int().min(0).catch(0),
      outputTokens: z.int().min(0).catch(0),
      cacheReadInputTokens: z.int().min(0).catch(0),
      cacheCreationInputTokens: z.int().min(0).catch(0),
      cacheCreationEphemeral5mInputTokens: count,
      cacheCreationEphemeral1hInputTokens: count,
      webSearchRequests: z.int().min(0).catch(0),
      costUSD: money,
      costBasis: text,
      canonicalModel: text,
    }),
  )
  .optional()
  .catch(undefined);
export type ModelTotals = NonNullable<z.output<typeof modelTotals>>;

const block = z.object({ type: text, id: text, name: text, text, input: z.unknown().optional() });
const content = z.array(
  block.catch({ type: undefined, id: undefined, name: undefined, text: undefined, input: undefined }),
);

const init = z.object({
  type: z.literal("system"),
  subtype: z.literal("init"),
  session_id: text,
  model: text,
  claude_code_version: text,
  permissionMode: text,
});
const assistant = z.object({
  type: z.literal("assistant"),
  message: z.object({
    id: text,
    model: text,
    stop_reason: z.string().nullish().catch(undefined),
    content: content.optional().catch(undefined),
    usage: tokenUsage,
  }),
  parent_tool_use_id: z.string().nullish().catch(undefined),
  session_id: text,
  timestamp: text,
  request_id: text,
});
const result = z.object({
  type: z.literal("result"),
  subtype: text,
  is_error: z.boolean().optional().catch(undefined),
  terminal_reason: text,
  api_error_status: z.int().nullish().catch(undefined),
  stop_reason: z.string().nullish().catch(undefined),
  session_id: text,
  num_turns: count,
  duration_ms: z.number().min(0).optional().catch(undefined),
  duration_api_ms: z.number().min(0).optional().catch(undefined),
  result: text,
  errors: z.array(z.string()).optional().catch(undefined),
  total_cost_usd: money,
  usage: tokenUsage,
  modelUsage: modelTotals,
  model_usage_since_last_result: modelTotals,
  permission_denials: z.array(z.unknown()).optional().catch(undefined),
  subagent_stats: z.object({ spawned: count }).optional().catch(undefined),
});
/** A piece of a message as it comes in; sent with --include-partial-messages only. */
const streamEvent = z.object({
  type: z.literal("stream_event"),
  event: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("message_start"),
      message: z.object({ id: text, model: text, usage: tokenUsage }),
    }),
    z.object({ type: z.literal("message_delta"), usage: tokenUsage }),
  ]),
  parent_tool_use_id: z.string().nullish().catch(undefined),
});

const agentMessage = z.union([init, assistant, result, streamEvent]);
export type AgentMessage = z.output<typeof agentMessage>;
export type AssistantMessage = z.output<typeof assistant>;
export type ResultMessage = z.output<typeof result>;
export type StreamEventMessage = z.output<typeof streamEvent>;

export type LineReading =
  | { readonly kind: "messages"; readonly messages: readonly AgentMessage[] }
  /** JSON of a kind the ledger does not need. */
  | { readonly kind: "other" }
  | { readonly kind: "no-json" };

const RELEVANT = /"type"\s*:\s*"(?:system|assistant|result|stream_event)"/;

/** Reads one line. `--output-format json --verbose` puts all messages into one array on one line. */
export function readLine(line: string): LineReading {
  const first = line.trimStart()[0];
  if (first !== "{" && first !== "[") return { kind: "no-json" };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { kind: "no-json" };
  }
  if (!RELEVANT.test(line)) return { kind: "other" };
  const messages = (Array.isArray(value) ? value : [value]).flatMap((one) => {
    const parsed = agentMessage.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
  return messages.length === 0 ? { kind: "other" } : { kind: "messages", messages };
}
