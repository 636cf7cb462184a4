import { z } from "zod";
import { type Execution, LIMITS, type ModelRequest } from "./execution.ts";
import type { Usage } from "./usage.ts";

type Fields = Readonly<Record<string, unknown>>;

const EXECUTION_FIELDS = new Set(
  (
    "id timestamp command status error_message batch_id execution_sequence execution_time_ms tool_calls model usage requests " +
    "reported_cost_usd workspace session output source"
  ).split(" "),
);
const REQUEST_FIELDS = new Set("id model timestamp usage speed inference_geo web_search_requests".split(" "));
const USAGE_FIELDS = new Set(
  "input_tokens output_tokens cache_read_tokens cache_write_5m_tokens cache_write_1h_tokens".split(" "),
);

/**
 * An execution in the usual form, just as `executionInput` makes it of the same value: a general validator took a third of
 * the work on a record. Null when anything is unusual, wrong or not: then the schema decides, and says what is wrong. Parts
 * that are open to fields of the sender's own are those of the value itself.
 */
export function readExecution(value: unknown): Execution | null {
  if (!isFields(value, EXECUTION_FIELDS)) return null;
  const { id, timestamp, command, status = "completed", source = "client" } = value;
  const { error_message, batch_id, execution_sequence, execution_time_ms, tool_calls } = value;
  const { model, usage, requests, reported_cost_usd, workspace, session, output } = value;
  if (!isId(id) || !isTime(timestamp) || !isCommand(command) || !isStatus(status) || !isSource(source))
    return null;
  if (!isNone(error_message) && !isText(error_message, 0, LIMITS.errorMessageCharsMax)) return null;
  if (!isNone(batch_id) && !isId(batch_id)) return null;
  if (!isNone(execution_sequence) && !isWhole(execution_sequence, LIMITS.int32Max)) return null;
  if (!isNone(execution_time_ms) && !isWhole(execution_time_ms, Number.MAX_SAFE_INTEGER)) return null;
  if (!isNone(tool_calls) && !isWhole(tool_calls, LIMITS.int32Max)) return null;
  if (!isNone(model) && !isText(model, 1, 100)) return null;
  if (!isNone(reported_cost_usd) && !isCost(reported_cost_usd)) return null;
  if (!isNone(workspace) && !isContext(workspace, isWorkspaceField)) return null;
  if (!isNone(session) && !isContext(session, isSessionField)) return null;
  if (!isNone(output) && (!isObject(output) || Object.hasOwn(output, "__proto__"))) return null;
  const usageRead = isNone(usage) ? usage : readUsage(usage);
  const requestsRead = isNone(requests) ? requests : readRequests(requests);
  if (usageRead === false || requestsRead === false) return null;
  return {
    id,
    timestamp,
    command,
    status,
    error_message,
    batch_id,
    execution_sequence,
    execution_time_ms,
    tool_calls,
    model,
    usage: usageRead,
    requests: requestsRead,
    reported_cost_usd,
    workspace,
    session,
    output,
    source,
  };
}

function readRequests(value: unknown): ModelRequest[] | false {
  if (!Array.isArray(value) || value.length > LIMITS.requestsMax) return false;
  const requests: ModelRequest[] = [];
  for (const item of value) {
    const request = readRequest(item);
    if (request === false) return false;
    requests.push(request);
  }
  return requests;
}

function readRequest(value: unknown): ModelRequest | false {
  if (!isFields(value, REQUEST_FIELDS)) return false;
  const { id, model, timestamp, speed, inference_geo, web_search_requests } = value;
  const usage = readUsage(value["usage"]);
  if (usage === false || !isText(id, 1, 200) || !isText(model, 1, 100) || !isTime(timestamp)) return false;
  const request: ModelRequest = { id, model, timestamp, usage };
  if (speed !== undefined) {
    if (speed !== "standard" && speed !== "fast") return false;
    request.speed = speed;
  }
  if (inference_geo !== undefined) {
    if (!isText(inference_geo, 1, 20)) return false;
    request.inference_geo = inference_geo;
  }
  if (web_search_requests !== undefined) {
    if (!isWhole(web_search_requests, 100_000)) return false;
    request.web_search_requests = web_search_requests;
  }
  return request;
}

function readUsage(value: unknown): Usage | false {
  if (!isFields(value, USAGE_FIELDS)) return false;
  const { input_tokens, output_tokens, cache_read_tokens = 0 } = value;
  const { cache_write_5m_tokens = 0, cache_write_1h_tokens = 0 } = value;
  return isTokens(input_tokens) &&
    isTokens(output_tokens) &&
    isTokens(cache_read_tokens) &&
    isTokens(cache_write_5m_tokens) &&
    isTokens(cache_write_1h_tokens)
    ? { input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens }
    : false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object with no field but these. */
function isFields(value: unknown, known: ReadonlySet<string>): value is Fields {
  if (!isObject(value)) return false;
  for (const name in value) if (!known.has(name)) return false;
  return true;
}

function isNone(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** The schema counts characters, of which there are never more than UTF-16 units. */
function isText(value: unknown, min: number, max: number): value is string {
  return typeof value === "string" && value.length >= min && value.length <= max;
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && typeof value === "number" && value >= 0 && value <= max;
}

function isTokens(value: unknown): value is number {
  return isWhole(value, LIMITS.tokensMax);
}

function isCost(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1_000_000;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && z.regexes.guid.test(value);
}

const DATE_TIME = z.regexes.datetime({ offset: true });

function isTime(value: unknown): value is string {
  return typeof value === "string" && DATE_TIME.test(value);
}

/** UTF-8 takes at most three bytes for each UTF-16 unit. */
function isCommand(value: unknown): value is string {
  return isText(value, 1, LIMITS.commandBytesMax / 3);
}

function isStatus(value: unknown): value is Execution["status"] {
  return value === "completed" || value === "failed" || value === "pending" || value === "timeout";
}

function isSource(value: unknown): value is Execution["source"] {
  return value === "client" || value === "import" || value === "otlp";
}

type Context = NonNullable<Execution["workspace"]> & NonNullable<Execution["session"]>;

/** A few plain fields, of which those with a meaning are checked by `isField`. */
function isContext(value: unknown, isField: (name: string, field: unknown) => boolean): value is Context {
  if (!isObject(value)) return false;
  let fields = 0;
  let chars = 0;
  for (const name in value) {
    const field = value[name];
    if (name.length > LIMITS.contextNameCharsMax || name === "__proto__" || !isField(name, field))
      return false;
    fields += 1;
    chars += name.length + (typeof field === "string" ? field.length : 8);
  }
  return fields <= LIMITS.contextFieldsMax && chars <= LIMITS.contextTotalCharsMax;
}

function isScalar(field: unknown): boolean {
  if (typeof field === "string") return field.length <= LIMITS.contextCharsMax;
  return field === null || typeof field === "boolean" || Number.isFinite(field);
}

function isWorkspaceField(name: string, field: unknown): boolean {
  switch (name) {
    case "repository":
    case "branch":
      return isText(field, 1, 300);
    case "commit":
      return isText(field, 1, 100);
    case "pull_request":
      return isText(field, 1, 300) || isWhole(field, Number.MAX_SAFE_INTEGER);
    default:
      return isScalar(field);
  }
}

function isSessionField(name: string, field: unknown): boolean {
  switch (name) {
    case "session_id":
      return isText(field, 1, 200);
    case "agent":
    case "agent_version":
      return isText(field, 1, 100);
    default:
      return isScalar(field);
  }
}
