import { z } from "zod";

/**
 * The wire format of one execution: what a client sends to `POST /v1/executions`, one record for each command or prompt
 * an agent ran. Everything that can be derived (features, totals, cost) is derived on the server and has no field here.
 * Unknown fields are refused by name, so that a misspelt one cannot be lost silently; only `workspace`, `session` and
 * `output` are open to fields of the sender's own.
 */

export const LIMITS = {
  commandBytesMax: 64 * 1024,
  errorMessageCharsMax: 8 * 1024,
  requestsMax: 10_000,
  contextFieldsMax: 40,
  contextCharsMax: 2_048,
  contextNameCharsMax: 100,
  contextTotalCharsMax: 16_384,
  outputBytesMax: 32 * 1024,
  outputDepthMax: 6,
  tokensMax: 1e10,
  int32Max: 2_147_483_647,
  /** Executions older than this are refused: each month of history is a partition, and their number is bounded. */
  oldest: "2020-01-01T00:00:00Z",
  aheadMsMax: 5 * 60_000,
} as const;

const tokens = z.int().min(0).max(LIMITS.tokensMax);
const rfc3339 = z.iso.datetime({
  offset: true,
  error: "must be an RFC 3339 date-time, such as 2026-11-20T09:30:00Z",
});
const shortText = (max: number) => z.string().min(1).max(max);

const usage = z.strictObject({
  input_tokens: tokens,
  output_tokens: tokens,
  cache_read_tokens: tokens.default(0),
  cache_write_5m_tokens: tokens.default(0),
  cache_write_1h_tokens: tokens.default(0),
});

const modelRequest = z.strictObject({
  id: shortText(200),
  model: shortText(100),
  timestamp: rfc3339,
  usage,
  speed: z.enum(["standard", "fast"]).optional(),
  inference_geo: shortText(20).optional(),
  web_search_requests: z.int().min(0).max(100_000).optional(),
});

const scalar = z.union([z.string().max(LIMITS.contextCharsMax), z.number(), z.boolean(), z.null()]);
const fewFields = (value: Readonly<Record<string, unknown>>): boolean => {
  let chars = 0;
  let fields = 0;
  for (const [name, field] of Object.entries(value)) {
    fields += 1;
    chars += name.length + (typeof field === "string" ? field.length : 8);
    if (name.length > LIMITS.contextNameCharsMax) return false;
  }
  return fields <= LIMITS.contextFieldsMax && chars <= LIMITS.contextTotalCharsMax;
};
const tooManyFields = `at most ${LIMITS.contextFieldsMax} fields with names of at most ${LIMITS.contextNameCharsMax} characters, ${LIMITS.contextTotalCharsMax} characters in all`;

const workspace = z
  .object({
    repository: shortText(300).optional(),
    branch: shortText(300).optional(),
    commit: shortText(100).optional(),
    pull_request: z.union([z.int().min(0), shortText(300)]).optional(),
  })
  .catchall(scalar)
  .refine(fewFields, tooManyFields);

const session = z
  .object({
    session_id: shortText(200).optional(),
    agent: shortText(100).optional(),
    agent_version: shortText(100).optional(),
  })
  .catchall(scalar)
  .refine(fewFields, tooManyFields);

const EXECUTION_STATUSES = ["pending", "completed", "failed", "timeout"] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

export const executionInput = z.strictObject({
  id: z.guid(),
  timestamp: rfc3339,
  command: z
    .string()
    .min(1)
    .max(LIMITS.commandBytesMax)
    .refine((text) => Buffer.byteLength(text) <= LIMITS.commandBytesMax, {
      error: `at most ${LIMITS.commandBytesMax} bytes of UTF-8`,
    }),
  status: z.enum(EXECUTION_STATUSES).default("completed"),
  error_message: z.string().max(LIMITS.errorMessageCharsMax).nullish(),
  batch_id: z.guid().nullish(),
  execution_sequence: z.int().min(0).max(LIMITS.int32Max).nullish(),
  execution_time_ms: z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullish(),
  tool_calls: z.int().min(0).max(LIMITS.int32Max).nullish(),
  model: shortText(100).nullish(),
  usage: usage.nullish(),
  requests: z.array(modelRequest).max(LIMITS.requestsMax).nullish(),
  reported_cost_usd: z.number().min(0).max(1_000_000).nullish(),
  workspace: workspace.nullish(),
  session: session.nullish(),
  output: z.record(z.string(), z.unknown()).nullish(),
  source: z.enum(["client", "import", "otlp"]).default("client"),
});

/** One execution as a sender writes it: defaults not yet filled in. */
export type ExecutionInput = z.input<typeof executionInput>;
/** One execution after validation: defaults filled in. */
export type Execution = z.output<typeof executionInput>;
export type ModelRequest = z.output<typeof modelRequest>;
