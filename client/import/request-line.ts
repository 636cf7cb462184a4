import type { Usage } from "../../shared/agent/usage.ts";
import { asArray, asCount, asObject, asText, asTime } from "./json-value.ts";
import type { JsonObject } from "./json-value.ts";

export interface ToolUse {
  readonly id: string;
  readonly name: string;
}

/** What one assistant line says about the model request behind it. A request has one line for each content block. */
export interface RequestLine {
  readonly messageId: string | null;
  readonly requestId: string | null;
  readonly lineId: string | null;
  readonly sidechain: boolean;
  readonly timestampMs: number | null;
  readonly model: string;
  readonly usage: Usage;
  readonly fast: boolean | null;
  readonly inferenceGeo: string | null;
  readonly webSearches: number;
  readonly tools: readonly ToolUse[];
  readonly agent: string | null;
  /** False when the line was written before the answer was complete: its output tokens are a lower bound. */
  readonly complete: boolean;
}

/** Lines the agent wrote itself, without asking a model, carry this name. */
export const NO_MODEL = "<synthetic>";
/** `inference_geo` of requests whose place is not known. */
const NO_GEO = "not_available";

/**
 * Reads the request of an assistant line, or of one nested in a progress line; null when it has none.
 * `agent` names the sub-agent the line was found with.
 */
export function readRequestLine(entry: JsonObject, agent: string | null): RequestLine | null {
  const message = asObject(entry["message"]);
  const usage = asObject(message?.["usage"]);
  const model = asText(message?.["model"]);
  if (message === null || usage === null || model === NO_MODEL) return null;
  const speed = asText(usage["speed"]);
  const geo = asText(usage["inference_geo"]);
  return {
    messageId: asText(message["id"]),
    requestId: asText(entry["requestId"]),
    lineId: asText(entry["uuid"]),
    sidechain: entry["isSidechain"] === true,
    timestampMs: asTime(entry["timestamp"]),
    model: model ?? "unknown",
    usage: readUsage(usage),
    fast: speed === null ? null : speed === "fast",
    inferenceGeo: geo === NO_GEO ? null : geo,
    webSearches: asCount(asObject(usage["server_tool_use"])?.["web_search_requests"]),
    tools: listToolUses(message["content"]),
    agent,
    complete: asText(message["stop_reason"]) !== null,
  };
}

/** Cache writes are split by lifetime where the line says so; what it leaves open counts as the 5 minute kind. */
function readUsage(usage: JsonObject): Usage {
  const split = asObject(usage["cache_creation"]);
  const written1h = asCount(split?.["ephemeral_1h_input_tokens"]);
  const written5m = asCount(split?.["ephemeral_5m_input_tokens"]);
  const written = asCount(usage["cache_creation_input_tokens"]);
  return {
    input_tokens: asCount(usage["input_tokens"]),
    output_tokens: asCount(usage["output_tokens"]),
    cache_read_tokens: asCount(usage["cache_read_input_tokens"]),
    cache_write_5m_tokens: Math.max(written5m, written - written1h),
    cache_write_1h_tokens: written1h,
  };
}

function listToolUses(content: unknown): ToolUse[] {
  const uses: ToolUse[] = [];
  for (const item of asArray(content)) {
    const block = asObject(item);
    if (block?.["type"] !== "tool_use") continue;
    uses.push({ id: asText(block["id"]) ?? "", name: asText(block["name"]) ?? "unknown" });
  }
  return uses;
}
