import type { ExecutionStatus } from "../../shared/agent/execution.ts";
import type { ResultMessage } from "./messages.ts";

/** How the agent's process ended. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The client's own deadline ended it. */
  readonly timedOut: boolean;
  /** The signal somebody sent to the client, which was passed on. */
  readonly stoppedBy: NodeJS.Signals | null;
  /** The program could not be started. */
  readonly startError: string | null;
  readonly stderrTail: string;
}

/** Reasons with which a run did what it could; every other one that comes with an error is a failure. */
const FINE = new Set([
  "completed",
  "tool_deferred",
  "hook_stopped",
  "stop_hook_prevented",
  "background_requested",
]);

export interface RunStatus {
  readonly status: Exclude<ExecutionStatus, "pending">;
  readonly message: string | null;
}

/**
 * The status of a run. `subtype` is not asked: an API failure comes as "success" with `is_error` set.
 * `expectsResult`: an agent that always ends with a result and did not has not come to its end.
 */
export function runStatus(end: ProcessEnd, result: ResultMessage | null, expectsResult: boolean): RunStatus {
  if (end.startError !== null) return failed(end.startError);
  if (end.timedOut) return { status: "timeout", message: "stopped at the deadline" };
  if (end.stoppedBy !== null) return failed(`stopped by ${end.stoppedBy}`);
  if (end.signal !== null) return failed(withTail(`killed by ${end.signal}`, end.stderrTail));
  if (result !== null) {
    const reason = result.terminal_reason;
    const bad = result.is_error === true || (reason !== undefined && isAborted(reason));
    if (bad) return failed(messageOf(result));
    if (end.exitCode !== 0) return failed(withTail(`exit code ${end.exitCode}`, end.stderrTail));
    return { status: "completed", message: null };
  }
  if (end.exitCode !== 0) return failed(withTail(`exit code ${end.exitCode}`, end.stderrTail));
  return expectsResult ? failed("the agent ended without a result") : { status: "completed", message: null };
}

function failed(message: string): RunStatus {
  return { status: "failed", message };
}

function isAborted(reason: string): boolean {
  return !FINE.has(reason) && (reason.startsWith("aborted_") || reason.endsWith("_error"));
}

function messageOf(result: ResultMessage): string {
  const errors = result.errors?.join("; ");
  if (errors !== undefined && errors !== "") return errors;
  if (result.result !== undefined && result.result !== "") return result.result;
  return result.terminal_reason ?? result.subtype ?? "the agent reported an error";
}

function withTail(message: string, tail: string): string {
  const lines = tail.trim().split("\n").slice(-3).join("\n").slice(-500);
  return lines === "" ? message : `${message}: ${lines}`;
}
