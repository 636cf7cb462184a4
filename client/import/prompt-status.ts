import type { ExecutionStatus } from "../../shared/agent/execution.ts";
import type { Prompt, PromptEnd } from "./prompts.ts";
import { latestFacts } from "./prompts.ts";

/**
 * How long a session has to be quiet before its last prompt counts as finished. The time of its last line counts, not
 * that of the file: copying a folder does not bring its sessions back to life.
 */
const QUIET = {
  /** After a line that ends a turn. */
  endedMs: 2_000,
  /** The same, with sub-agents that may go on in the background. */
  endedWithAgentsMs: 60_000,
  /** After an answer of a version that does not write why it stopped: a tool use may follow. */
  likelyEndedMs: 5 * 60_000,
  /** In the middle of a turn: a tool may run for hours, or a question wait for the user overnight. */
  openMs: 24 * 60 * 60_000,
} as const;

const AHEAD_MS_MAX = 5 * 60_000;

export interface PromptStatus {
  readonly status: ExecutionStatus;
  readonly error: string | null;
  readonly end: PromptEnd;
}

/**
 * Decides whether a prompt is finished and how it went. A finished record never changes on the server, so a prompt is
 * pending while more may come: until a later prompt begins in its file or the session has been quiet.
 */
export function statusOf(prompt: Prompt, lastMs: number, hasRequests: boolean, nowMs: number): PromptStatus {
  const facts = latestFacts(prompt);
  const end: PromptEnd = prompt.orphans && facts.end.kind === "open" ? ORPHAN_END : facts.end;
  const activeMs =
    lastMs > nowMs + AHEAD_MS_MAX || lastMs === Number.NEGATIVE_INFINITY ? prompt.modifiedMs : lastMs;
  const quietMs = nowMs - activeMs;
  if (quietMs < quietNeeded(prompt, end)) return { status: "pending", error: null, end };
  return { ...outcomeOf(end, prompt.slash && !hasRequests), end };
}

const ORPHAN_END: PromptEnd = { kind: "answered", sure: false, stopReason: null };

function quietNeeded(prompt: Prompt, end: PromptEnd): number {
  const endedMs = Number.isFinite(prompt.agentMs) ? QUIET.endedWithAgentsMs : QUIET.endedMs;
  if (prompt.superseded) return endedMs;
  if (end.kind === "open") return QUIET.openMs;
  return end.kind === "answered" && !end.sure ? QUIET.likelyEndedMs : endedMs;
}

function outcomeOf(end: PromptEnd, local: boolean): { status: ExecutionStatus; error: string | null } {
  switch (end.kind) {
    case "answered":
    case "local":
      return { status: "completed", error: null };
    case "api-error":
      return { status: "failed", error: `API error${end.code === null ? "" : `: ${end.code}`}` };
    case "refused":
      return { status: "failed", error: "refused by the model" };
    case "interrupted":
      return { status: "failed", error: "interrupted by the user" };
    case "turn-limit":
      return { status: "failed", error: "stopped at the turn limit" };
    case "open":
      // A local command that prints nothing.
      if (local) return { status: "completed", error: null };
      return { status: "failed", error: "the transcript ends before the answer" };
    default:
      return end satisfies never;
  }
}
