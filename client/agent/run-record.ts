import type { ExecutionInput, ModelRequest } from "../../shared/agent/execution.ts";
import { findPrice } from "../../shared/agent/find-price.ts";
import { addUsage, NO_USAGE, promptTokens } from "../../shared/agent/usage.ts";
import { formatUsd } from "../../shared/agent/usd.ts";
import { sendableMessage } from "../sendable-text.ts";
import type { AgentCommand } from "./agent-command.ts";
import { CLAUDE } from "./agent-command.ts";
import { reportedCost } from "./model-totals.ts";
import type { Observation } from "./observe.ts";
import type { ProcessEnd } from "./run-status.ts";
import { runStatus } from "./run-status.ts";
import type { Lineage, RunTotals } from "./run-totals.ts";
import { mainLoopUsage, runTotals } from "./run-totals.ts";
import { mainModel, spreadRequests } from "./spread-requests.ts";

export interface RunFacts {
  /** The record as it was before the start: id, timestamp, command, workspace, session. */
  readonly start: ExecutionInput;
  readonly agent: AgentCommand;
  readonly observation: Observation;
  readonly lineage: Lineage;
  readonly elapsedMs: number;
  readonly linesSkipped: number;
}

/** The record of a run that has ended, and the totals its agent reported. */
export function endedRecord(
  facts: RunFacts,
  end: ProcessEnd,
): { execution: ExecutionInput; totals: RunTotals } {
  const { observation, agent } = facts;
  const { result } = observation;
  const expectsResult = agent.agent === CLAUDE && observation.understood;
  const { status, message } = runStatus(end, result, expectsResult);
  const measured = measure(facts);
  const execution: ExecutionInput = {
    ...facts.start,
    ...measured.fields,
    status,
    error_message: message === null ? null : sendableMessage(message),
    execution_time_ms: Math.round(facts.elapsedMs),
    session: sessionOf(facts),
    output: {
      ...compact({
        exit_code: end.exitCode ?? undefined,
        signal: end.signal ?? undefined,
        stopped_by: end.stoppedBy ?? undefined,
        lines_skipped: facts.linesSkipped === 0 ? undefined : facts.linesSkipped,
        ...resultOutput(observation),
      }),
      ...measured.output,
    },
  };
  return { execution, totals: measured.totals };
}

/** The record of a run that is still going on, with what it has used so far: what is left if everything is killed. */
export function runningRecord(facts: RunFacts): ExecutionInput {
  const measured = measure(facts);
  return { ...facts.start, ...measured.fields, session: sessionOf(facts), output: measured.output };
}

function measure(facts: RunFacts): {
  fields: Partial<ExecutionInput>;
  output: Record<string, unknown>;
  totals: RunTotals;
} {
  const { observation, start } = facts;
  const totals = runTotals(observation, facts.lineage);
  const toolCalls = observation.understood ? observation.toolCalls : null;
  const model = observation.model?.slice(0, 100) ?? null;
  if (totals.totals === null) {
    const output = observation.understood ? { usage_source: totals.source } : {};
    return { fields: { tool_calls: toolCalls, model }, output, totals };
  }
  const written = mainLoopUsage(observation);
  const writes = (written?.cache_write_5m_tokens ?? 0) + (written?.cache_write_1h_tokens ?? 0);
  const last = observation.result?.usage;
  const spread = spreadRequests(totals.totals, {
    executionId: start.id,
    timestamp: start.timestamp,
    observed: observation.requestsIncomplete ? [] : observation.requests,
    hourShare: writes === 0 ? 0 : (written?.cache_write_1h_tokens ?? 0) / writes,
    fast: last?.speed === "fast",
    inferenceGeo: last?.inference_geo === "us" ? "us" : null,
  });
  const usage = spread.requests.reduce((sum, request) => addUsage(sum, request.usage), NO_USAGE);
  const cost = reportedCost(totals.totals);
  const tiered = spread.sums.find(reachesTier);
  return {
    fields: {
      tool_calls: toolCalls,
      model: tiered?.model ?? mainModel(spread.requests, model),
      usage,
      // A sum over requests would be priced as one big request; without requests the server takes the reported cost.
      ...(tiered === undefined ? { requests: [...spread.requests] } : {}),
      ...(cost.costPico === null ? {} : { reported_cost_usd: Number(formatUsd(cost.costPico)) }),
    },
    output: {
      usage_source: totals.source,
      usage_confidence: confidenceOf(totals, spread.exact),
      ...compact({
        guessed_cost_usd: cost.guessedPico === null ? undefined : Number(formatUsd(cost.guessedPico)),
        session_cost_usd: sessionCost(totals),
      }),
    },
    totals,
  };
}

function confidenceOf(totals: RunTotals, exact: boolean): "exact" | "split_assumed" | "lower_bound" {
  if (!totals.complete) return "lower_bound";
  return exact ? "exact" : "split_assumed";
}

/** What the agent reported for all runs of the session, where that is more than this run. */
function sessionCost({ totals, reported }: RunTotals): number | undefined {
  if (reported === null || totals === null) return undefined;
  const all = reportedCost(reported).costPico;
  return all === null || all === reportedCost(totals).costPico ? undefined : Number(formatUsd(all));
}

function reachesTier(request: ModelRequest): boolean {
  const price = findPrice(request.model, request.timestamp);
  return price?.tiers.some((tier) => promptTokens(request.usage) > tier.abovePromptTokens) ?? false;
}

function sessionOf({ start, observation, lineage }: RunFacts): NonNullable<ExecutionInput["session"]> {
  return {
    ...start.session,
    ...compact({
      session_id: observation.sessionId?.slice(0, 200),
      agent_version: observation.agentVersion?.slice(0, 100),
      permission_mode: observation.permissionMode?.slice(0, 100),
      resumed: lineage.resumed ? true : undefined,
    }),
  };
}

function resultOutput({ result, results, tools }: Observation): Record<string, unknown> {
  const turns = results.reduce((sum, one) => sum + (one.numTurns ?? 0), 0);
  return {
    subtype: cut(result?.subtype),
    terminal_reason: cut(result?.terminal_reason),
    stop_reason: cut(result?.stop_reason),
    api_error_status: result?.api_error_status ?? undefined,
    num_turns: turns === 0 ? undefined : turns,
    duration_ms: result?.duration_ms,
    duration_api_ms: result?.duration_api_ms,
    permission_denials: result?.permission_denials?.length,
    subagents: result?.subagent_stats?.spawned,
    tools: Object.keys(tools).length === 0 ? undefined : cutNames(tools),
  };
}

function cut(text: string | null | undefined): string | undefined {
  return text?.slice(0, 100);
}

function cutNames(tools: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(tools).map(([name, count]) => [name.slice(0, 100), count]));
}

function compact<T>(fields: Record<string, T | undefined>): Record<string, T> {
  const kept: Record<string, T> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) kept[name] = value;
  return kept;
}
