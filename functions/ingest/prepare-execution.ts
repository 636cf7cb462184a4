import { executionInput, LIMITS, type Execution } from "../../shared/agent/execution.ts";
import { clipText } from "../../shared/agent/clip-text.ts";
import { maskDeep } from "../../shared/agent/mask-deep.ts";
import { maskSecrets } from "../../shared/agent/mask-secrets.ts";
import { parseCommand } from "../../shared/agent/parse-command.ts";
import { readExecution } from "../../shared/agent/read-execution.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import type { Fault } from "../../shared/errors.ts";
import { faultWords } from "../../shared/fault-words.ts";
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";
import { cleanText } from "./clean-text.ts";
import { inspectOutput } from "./inspect-output.ts";
import { FAULTS_MAX } from "./limits.ts";
import { measureExecution } from "./measure-execution.ts";

import { pointerTo, type RawRecord } from "./read-records.ts";

export type Prepared =
  | { kind: "row"; row: ExecutionRow; bytes: number; warnings: Fault[] }
  | { kind: "rejected"; id: string | null; errors: Fault[] };

export interface PrepareOptions {
  userId: string;
  needsCleaning: boolean;
  nowMs: number;
}

/** Turns one record of a body into a row of the ledger: validated, cleaned, masked, with everything that is derived. */
export function prepareExecution(record: RawRecord, options: PrepareOptions): Prepared {
  if ("fault" in record) return { kind: "rejected", id: null, errors: [record.fault] };
  const { value, changed } = options.needsCleaning
    ? cleanText(record.value)
    : { value: record.value, changed: [] };
  let execution = readExecution(value);
  if (execution === null) {
    const parsed = executionInput.safeParse(value, { error: faultWords });
    if (!parsed.success) return { kind: "rejected", id: idOf(value), errors: faultsOf(parsed.error.issues) };
    execution = parsed.data;
  }
  const timestamp = Date.parse(execution.timestamp);
  const output = inspectOutput(execution.output);
  const timeFault = timeFaultOf(timestamp, options.nowMs);
  const errors = timeFault === null ? output.faults : [timeFault, ...output.faults];
  if (errors.length > 0) return { kind: "rejected", id: execution.id, errors };
  const { row, warnings } = rowOf(execution, timestamp, options.userId);
  return {
    kind: "row",
    row,
    bytes: bytesOf(execution, output.bytes),
    warnings: changed.length === 0 ? warnings : [...changed, ...warnings],
  };
}

function rowOf(
  execution: Execution,
  timestamp: number,
  userId: string,
): { row: ExecutionRow; warnings: Fault[] } {
  const command = maskSecrets(execution.command);
  const { base, args, features } = parseCommand(command);
  const { usage, model, columns, warnings } = measureExecution(execution);
  const session = execution.session ? maskDeep(execution.session) : null;
  const row: ExecutionRow = {
    id: execution.id.toLowerCase(),
    timestamp,
    user_id: userId,
    batch_id: execution.batch_id ?? null,
    execution_sequence: execution.execution_sequence ?? null,
    source: execution.source,
    session_id:
      typeof session?.["session_id"] === "string"
        ? clipText(session["session_id"], SESSION_ID_CHARS_MAX)
        : null,
    command_raw: command,
    command_base: base,
    command_args: args,
    command_features: features,
    workspace_context: execution.workspace ? maskDeep(execution.workspace) : null,
    session_context: session,
    // Each by name: spreading them took longer than computing them.
    total_tokens: columns.total_tokens,
    input_tokens: columns.input_tokens,
    output_tokens: columns.output_tokens,
    cached_tokens: columns.cached_tokens,
    cache_write_5m_tokens: columns.cache_write_5m_tokens,
    cache_write_1h_tokens: columns.cache_write_1h_tokens,
    fresh_tokens: columns.fresh_tokens,
    cache_hit_rate: columns.cache_hit_rate,
    execution_time_ms: execution.execution_time_ms ?? null,
    tool_calls: execution.tool_calls ?? null,
    status: execution.status,
    error_message: execution.error_message ? maskSecrets(execution.error_message) : null,
    cost_usd: columns.cost_usd,
    fresh_cost_usd: columns.fresh_cost_usd,
    cache_savings_usd: columns.cache_savings_usd,
    reported_cost_usd: columns.reported_cost_usd,
    cost_basis: columns.cost_basis,
    price_version: columns.price_version,
    output_characteristics: outputOf(execution, usage),
    model_version: model === null ? null : clipText(maskSecrets(model), MODEL_CHARS_MAX),
  };
  return { row, warnings };
}

/** Widths of the columns; masking can make a text longer than it was. */
const SESSION_ID_CHARS_MAX = 200;
const MODEL_CHARS_MAX = 100;

/** About what the row weighs; what is not counted here is small by its own limits. */
function bytesOf(execution: Execution, outputBytes: number): number {
  const texts = execution.command.length + (execution.error_message?.length ?? 0);
  return 2_000 + texts + outputBytes + 300 * (execution.requests?.length ?? 0);
}

/** What the sender tells of the outcome, and the tokens that totals and cost can be computed from again. */
function outputOf(execution: Execution, usage: Usage | null): Record<string, unknown> {
  const output: Record<string, unknown> = execution.output ? { ...maskDeep(execution.output) } : {};
  if (usage !== null) output["usage"] = usage;
  if (execution.requests) {
    output["requests"] = execution.requests.map((request) => ({
      ...request,
      id: maskSecrets(request.id),
      model: maskSecrets(request.model),
    }));
  }
  return output;
}

const OLDEST_MS = Date.parse(LIMITS.oldest);

function timeFaultOf(at: number, nowMs: number): Fault | null {
  if (Number.isNaN(at)) return { pointer: "/timestamp", detail: "is not a time that exists" };
  if (at > nowMs + LIMITS.aheadMsMax) {
    return {
      pointer: "/timestamp",
      detail: "is more than 5 minutes in the future; check the sender's clock",
    };
  }
  return at < OLDEST_MS
    ? { pointer: "/timestamp", detail: `is before ${LIMITS.oldest}, the oldest that is kept` }
    : null;
}

type Issue = {
  code: string;
  path: readonly PropertyKey[];
  message: string;
  keys?: readonly string[];
  input?: unknown;
};

function faultsOf(issues: readonly Issue[]): Fault[] {
  return issues
    .flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? (issue.keys ?? []).map((key) => ({
            pointer: pointerTo(...issue.path, key),
            detail:
              "is not a field of an execution; check its spelling or put it into workspace, session or output",
          }))
        : [{ pointer: pointerTo(...issue.path), detail: issue.message }],
    )
    .slice(0, FAULTS_MAX);
}

function idOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("id" in value)) return null;
  return typeof value.id === "string" ? value.id.slice(0, 100) : null;
}
