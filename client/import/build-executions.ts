import { LIMITS } from "../../shared/agent/execution.ts";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import type { PromptStatus } from "./prompt-status.ts";
import type { Prompt, PromptFacts } from "./prompts.ts";
import { latestFacts } from "./prompts.ts";
import type { ModelCall } from "./request-index.ts";
import { idOfPart } from "./execution-id.ts";

type RequestInput = NonNullable<ExecutionInput["requests"]>[number];

/** What becomes one execution, or several when it has more requests than one record holds. */
export interface ExecutionDraft {
  readonly id: string;
  readonly prompt: Prompt;
  readonly command: string;
  readonly timestampMs: number;
  readonly lastMs: number;
  readonly status: PromptStatus;
  readonly calls: readonly ModelCall[];
  /** Id of the closed execution these late requests belong to. */
  readonly continues: string | null;
}

const TOOL_NAMES_MAX = 60;

/** A record of a prompt that is still running: no totals yet, they come with its end. */
export function buildPending(draft: ExecutionDraft): ExecutionInput {
  return { ...common(draft), status: "pending" };
}

export function buildFinished(draft: ExecutionDraft): ExecutionInput[] {
  const { calls } = draft;
  const facts = latestFacts(draft.prompt);
  const parts: ExecutionInput[] = [];
  for (let start = 0; start === 0 || start < calls.length; start += LIMITS.requestsMax) {
    const part = calls.slice(start, start + LIMITS.requestsMax);
    const number = parts.length + 1;
    const tools = countTools(part);
    const model = part.find((call) => call.agent === "")?.model ?? part[0]?.model;
    parts.push({
      ...common(draft),
      id: number === 1 ? draft.id : idOfPart(draft.id, number),
      status: draft.status.status,
      error_message: draft.status.error,
      execution_time_ms: number === 1 ? Math.max(0, draft.lastMs - draft.timestampMs) : 0,
      tool_calls: [...tools.values()].reduce((sum, count) => sum + count, 0),
      ...(model === undefined ? {} : { model: model.slice(0, 100) }),
      requests: part.map((call) => buildRequest(call, draft.timestampMs)),
      output: {
        ...(number === 1 && draft.continues === null ? outcome(draft, facts) : {}),
        ...(number === 1 ? {} : { part_of: draft.id, part: number }),
        ...(draft.continues === null ? {} : { continuation_of: draft.continues }),
        ...(tools.size === 0 ? {} : { tools: namedTools(tools) }),
        ...positive("incomplete_requests", part.filter((call) => !call.complete).length),
        ...positive(
          "subagents",
          new Set(part.map((call) => call.agent).filter((agent) => agent !== "")).size,
        ),
      },
    });
  }
  return parts;
}

function common({ id, prompt, command, timestampMs }: ExecutionDraft): ExecutionInput {
  const facts = latestFacts(prompt);
  return {
    id,
    timestamp: new Date(timestampMs).toISOString(),
    command,
    source: "import",
    workspace: {
      ...text("repository", facts.repository, 300),
      ...text("branch", prompt.branch, 300),
      ...(facts.pullRequest === null ? {} : { pull_request: facts.pullRequest }),
      ...text("directory", prompt.directory, 2_000),
    },
    session: {
      ...text("session_id", prompt.sessionId, 200),
      agent: "claude-code",
      ...text("agent_version", prompt.version, 100),
      ...text("prompt_id", prompt.promptId, 200),
      ...text("entrypoint", prompt.entrypoint, 100),
    },
  };
}

function outcome(draft: ExecutionDraft, facts: PromptFacts): Record<string, unknown> {
  const { end } = draft.status;
  return {
    ...(end.kind === "answered" ? text("stop_reason", end.stopReason, 100) : {}),
    ...(end.kind === "refused" ? { stop_reason: "refusal" } : {}),
    ...(end.kind === "interrupted" ? { interrupted: true } : {}),
    ...(end.kind === "refused" || facts.refusals > 0 ? { refused: true } : {}),
    ...positive("compactions", facts.compactions),
    ...positive("api_errors", facts.apiErrors),
    ...positive("queued_prompts", facts.queuedPrompts),
  };
}

function buildRequest(call: ModelCall, fallbackMs: number): RequestInput {
  return {
    id: (call.requestId === "" ? call.key : call.requestId).slice(0, 200),
    model: call.model.slice(0, 100),
    timestamp: new Date(call.timestampMs ?? fallbackMs).toISOString(),
    usage: call.usage,
    ...(call.fast === null ? {} : { speed: call.fast ? ("fast" as const) : ("standard" as const) }),
    ...(call.inferenceGeo === null ? {} : { inference_geo: call.inferenceGeo.slice(0, 20) }),
    ...(call.webSearches === 0 ? {} : { web_search_requests: Math.min(call.webSearches, 100_000) }),
  };
}

function countTools(calls: readonly ModelCall[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const call of calls) {
    for (const { name } of call.tools) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** The most used tools by name, the others together. */
function namedTools(counts: ReadonlyMap<string, number>): Record<string, number> {
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const named = new Map(sorted.slice(0, TOOL_NAMES_MAX).map(([name, count]) => [name.slice(0, 200), count]));
  const rest = sorted.slice(TOOL_NAMES_MAX).reduce((sum, [, count]) => sum + count, 0);
  if (rest > 0) named.set("(others)", rest);
  return Object.fromEntries(named);
}

function text(name: string, value: string | null, charsMax: number): Record<string, string> {
  return value === null ? {} : { [name]: value.slice(0, charsMax).toWellFormed() };
}

function positive(name: string, count: number): Record<string, number> {
  return count > 0 ? { [name]: count } : {};
}
