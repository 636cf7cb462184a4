/** Messages in the form of `claude -p --output-format stream-json`, made by hand for the tests. */

interface Tokens {
  input?: number;
  output?: number;
  read?: number;
  write5m?: number;
  write1h?: number;
}

export function tokenUsage({ input = 0, output = 0, read = 0, write5m = 0, write1h = 0 }: Tokens) {
  return {
    input_tokens: input,
    output_tokens: output,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write5m + write1h,
    cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
  };
}

export function modelUsage(
  tokens: Tokens & { cost?: number; costBasis?: string; split?: boolean; searches?: number },
) {
  const { input = 0, output = 0, read = 0, write5m = 0, write1h = 0, cost = 0 } = tokens;
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadInputTokens: read,
    cacheCreationInputTokens: write5m + write1h,
    ...(tokens.split === false
      ? {}
      : { cacheCreationEphemeral5mInputTokens: write5m, cacheCreationEphemeral1hInputTokens: write1h }),
    webSearchRequests: tokens.searches ?? 0,
    costUSD: cost,
    costBasis: tokens.costBasis ?? "list",
  };
}

const SESSION = "6f6d1f0e-8f2c-4f0a-9a54-0b8f2c1d7e11";

export function init(fields: Record<string, unknown> = {}) {
  return {
    type: "system",
    subtype: "init",
    session_id: SESSION,
    model: "claude-sonnet-5",
    claude_code_version: "2.1.329",
    permissionMode: "default",
    ...fields,
  };
}

export function assistant(
  id: string,
  tokens: Tokens,
  fields: { model?: string; tool?: string; text?: string; parent?: string; stop?: string } = {},
) {
  const { output = 1 } = tokens;
  const content = [
    ...(fields.text === undefined ? [] : [{ type: "text", text: fields.text }]),
    ...(fields.tool === undefined
      ? []
      : [{ type: "tool_use", id: `tool-${id}`, name: fields.tool, input: { command: "ls" } }]),
  ];
  return {
    type: "assistant",
    message: {
      id,
      model: fields.model ?? "claude-sonnet-5",
      stop_reason: fields.stop ?? null,
      content,
      usage: tokenUsage({ ...tokens, output }),
    },
    parent_tool_use_id: fields.parent ?? null,
    session_id: SESSION,
    timestamp: "2026-11-20T10:00:00.000Z",
    request_id: `req-${id}`,
  };
}

export function result(fields: Record<string, unknown> = {}) {
  return {
    type: "result",
    subtype: "success",
    is_error: false,
    terminal_reason: "completed",
    stop_reason: "end_turn",
    session_id: SESSION,
    num_turns: 1,
    duration_ms: 900,
    duration_api_ms: 700,
    result: "Done.",
    permission_denials: [],
    ...fields,
  };
}

/** A run of one request that goes well. */
export function simpleScene(cost = 0.0123) {
  const tokens = { input: 10, output: 200, read: 5_000, write5m: 300, write1h: 0 };
  return {
    lines: [
      init(),
      assistant("m1", { ...tokens, output: 1 }, { text: "All is well." }),
      result({
        total_cost_usd: cost,
        usage: tokenUsage(tokens),
        modelUsage: { "claude-sonnet-5": modelUsage({ ...tokens, cost }) },
        model_usage_since_last_result: { "claude-sonnet-5": modelUsage({ ...tokens, cost }) },
      }),
    ],
  };
}
