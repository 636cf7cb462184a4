import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { totalTokens } from "../../shared/agent/usage.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import { buildFinished, buildPending } from "./build-executions.ts";
import { commandOf } from "./command-text.ts";
import { idOfContinuation, idOfOrphans, idOfPrompt } from "./execution-id.ts";
import type { ImportState, SentExecution } from "./import-state.ts";
import { statusOf } from "./prompt-status.ts";
import { comparePrompts, compareText, latestFacts } from "./prompts.ts";
import type { Prompt } from "./prompts.ts";
import type { RecordedRuns } from "./recorded-runs.ts";
import type { ModelCall } from "./request-index.ts";
import type { TranscriptModel } from "./transcript-model.ts";
import { usageBeyond } from "../usage-kinds.ts";

/** Records that stand or fall together, and what to remember once the server has them. */
export interface PlannedExecution {
  readonly kind: "pending" | "finished" | "continuation";
  readonly records: readonly ExecutionInput[];
  readonly sent: SentExecution;
}

export interface Plan {
  readonly executions: AsyncIterable<PlannedExecution>;
  /** Distinct model requests in the transcripts. */
  readonly requests: number;
  readonly skipped: SkippedPrompts;
}

export interface SkippedPrompts {
  alreadySent: number;
  beforeSince: number;
  /** `netra run` has put them on record. */
  recordedByRun: number;
  /** A run that has not ended yet may put them on record. */
  underWay: number;
}

export interface PlanOptions {
  readonly nowMs: number;
  readonly sinceMs: number | null;
  readonly state: ImportState;
  readonly runs: RecordedRuns;
}

/**
 * What has to be sent, in the order of time, given what was sent before.
 *
 * The same transcripts give the same records with the same ids whatever was imported before, so that without a state
 * the server recognises what it has. A prompt that is running is announced as pending; once it is finished, all its
 * requests go with it. When requests come to light after that (a sub-agent in the background, a sleeping session that
 * went on, a line that had only partial counts), the state tells which are new, and they go as a continuation: an
 * execution of its own whose id is made from the first one's and exactly these requests. Without the state they would
 * be lost, because the server leaves a finished record alone; nothing is ever counted twice. What `netra run` has put on
 * record is left out; the rest of such a prompt, if there is one, is the continuation of that run.
 */
export function planExecutions(model: TranscriptModel, options: PlanOptions): Plan {
  const owned = model.prompts.map((): ModelCall[] => []);
  let requests = 0;
  for (const call of model.requests.list()) {
    owned[call.owner]?.push(call);
    requests += 1;
  }
  const skipped = { alreadySent: 0, beforeSince: 0, recordedByRun: 0, underWay: 0 };
  return { executions: plan(model, owned, skipped, options), requests, skipped };
}

async function* plan(
  model: TranscriptModel,
  owned: ModelCall[][],
  skipped: SkippedPrompts,
  { nowMs, sinceMs, state, runs }: PlanOptions,
): AsyncGenerator<PlannedExecution> {
  for (const prompt of [...model.prompts].sort(comparePrompts)) {
    const calls = (owned[prompt.index] ?? []).sort(compareCalls);
    const timestampMs = startOf(prompt, calls);
    if (timestampMs === null || ((prompt.orphans || prompt.absorbed) && calls.length === 0)) {
      continue;
    }
    if (sinceMs !== null && timestampMs < sinceMs) {
      skipped.beforeSince += 1;
      continue;
    }
    const recording = runs.find(prompt, calls, timestampMs);
    if (recording.kind === "under-way") {
      skipped.underWay += 1;
      continue;
    }
    const id = prompt.orphans ? idOfOrphans(prompt.rank[2]) : idOfPrompt(prompt.rank[2]);
    // One that was announced by mistake still has to be closed.
    if (recording.kind === "recorded" && recording.left.length === 0 && !state.isPending(id)) {
      skipped.recordedByRun += 1;
      continue;
    }
    const lastMs = endOf(prompt, calls, timestampMs);
    const status = statusOf(prompt, lastMs, calls.length > 0, nowMs);
    const closed = state.isFinished(id);
    const fresh = findFresh(recording.kind === "recorded" ? recording.left : calls, state);
    const ranAs = recording.kind === "recorded" ? recording.executionId : null;
    if (status.status === "pending" ? closed || state.isPending(id) : closed && fresh.calls.length === 0) {
      skipped.alreadySent += 1;
      continue;
    }
    const draft = { id, prompt, command: await commandOf(prompt), timestampMs, lastMs, status };
    if (status.status === "pending") {
      const record = buildPending({ ...draft, calls: [], continues: null });
      yield { kind: "pending", records: [record], sent: { id, finished: false, requests: [] } };
    } else if (closed) {
      const continued = {
        ...draft,
        id: idOfContinuation(id, fresh.names),
        timestampMs: startOf({ ...prompt, timestampMs: null }, fresh.calls) ?? timestampMs,
        calls: fresh.calls,
        continues: id,
      };
      const sent = { id: continued.id, finished: true, requests: fresh.accounts };
      yield { kind: "continuation", records: buildFinished(continued), sent };
    } else {
      const records = buildFinished({ ...draft, calls: fresh.calls, continues: ranAs });
      yield {
        kind: ranAs === null ? "finished" : "continuation",
        records,
        sent: { id, finished: true, requests: fresh.accounts },
      };
    }
  }
}

interface FreshCalls {
  readonly calls: ModelCall[];
  readonly names: string[];
  readonly accounts: [string, Usage][];
}

/** Requests no earlier import has sent, and the growth of those it sent with fewer tokens. */
function findFresh(calls: readonly ModelCall[], state: ImportState): FreshCalls {
  const fresh: FreshCalls = { calls: [], names: [], accounts: [] };
  for (const call of calls) {
    const known = state.findRequest(recordOf(call));
    const more = known === null ? call.usage : usageBeyond(call.usage, known);
    if (more === null) continue;
    const name = known === null ? call.key : `${call.key}+${totalTokens(call.usage)}`;
    fresh.names.push(name);
    fresh.accounts.push([recordOf(call), call.usage]);
    fresh.calls.push(
      known === null
        ? call
        : {
            ...call,
            requestId: `${call.requestId || call.key}+${totalTokens(call.usage)}`,
            usage: more,
            tools: [],
            webSearches: 0,
          },
    );
  }
  return fresh;
}

/** The time tells apart requests of servers that number theirs anew in each run, as test doubles do. */
function recordOf(call: ModelCall): string {
  return `${call.key}@${call.timestampMs ?? ""}`;
}

/** When the prompt was given; without its time, when its first event happened. */
function startOf(prompt: Prompt, calls: readonly ModelCall[]): number | null {
  if (prompt.timestampMs !== null) return prompt.timestampMs;
  let first: number | null = null;
  for (const { timestampMs } of calls) {
    if (timestampMs !== null && (first === null || timestampMs < first)) first = timestampMs;
  }
  if (first !== null) return first;
  const { lastMs } = latestFacts(prompt);
  if (Number.isFinite(lastMs)) return lastMs;
  return Number.isFinite(prompt.modifiedMs) ? Math.floor(prompt.modifiedMs) : null;
}

function endOf(prompt: Prompt, calls: readonly ModelCall[], timestampMs: number): number {
  let last = Math.max(timestampMs, latestFacts(prompt).lastMs, prompt.agentMs);
  for (const { lastMs } of calls) last = Math.max(last, lastMs ?? last);
  return last;
}

function compareCalls(a: ModelCall, b: ModelCall): number {
  return (a.timestampMs ?? 0) - (b.timestampMs ?? 0) || compareText(a.key, b.key);
}
