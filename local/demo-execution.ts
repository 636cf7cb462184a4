import type { ExecutionInput } from "../shared/agent/execution.ts";
import {
  ask,
  durationMs,
  startConversation,
  type Conversation,
  type DemoRequest,
} from "./demo-conversation.ts";
import type { Random } from "./demo-random.ts";
import { reportedCostUsd } from "./demo-reported-cost.ts";
import type { Task } from "./demo-tasks.ts";

/** What an execution stands in: the surroundings it shares with others of its session, batch or pull request. */
export interface Setting {
  conversation: Conversation;
  workspace: NonNullable<ExecutionInput["workspace"]>;
  /** Who or what started the session, besides its id and agent. */
  session: Readonly<Record<string, string>> & { session_id: string };
  agentVersion: string;
  /** An agent that runs without a person is ended after this time. */
  limitMs: number | null;
}

export interface DemoExecution {
  input: ExecutionInput;
  requests: readonly DemoRequest[];
  endsAt: number;
}

type Outcome = "completed" | "failed" | "timeout" | "abandoned";

const SUB_AGENT_MODEL = "claude-haiku-5-5";
const SUB_AGENT_PREFIX_TOKENS = 8_900;
const TURNS_MAX = 70;
const FAILURES = [
  "API Error: 529 overloaded_error after 10 attempts",
  "Reached the limit of 40 turns",
  "The command exited with code 1: 3 tests still fail",
  "Permission denied for Bash(git push)",
  "The working tree has conflicts that need a person",
];

export function runTask(
  random: Random,
  task: Task,
  command: string,
  setting: Setting,
  startsAt: number,
): DemoExecution {
  const id = random.uuid(startsAt);
  const outcome = chooseOutcome(random, task, setting);
  const { requests, toolCalls, endsAt } = work(random, task, outcome, setting, startsAt);
  const model = setting.conversation.model;
  const common = {
    id,
    timestamp: new Date(startsAt).toISOString(),
    command,
    model,
    requests,
    tool_calls: toolCalls,
  };
  const agent = { agent: "claude-code", agent_version: setting.agentVersion };
  const surroundings = { workspace: setting.workspace, session: { ...setting.session, ...agent } };
  if (outcome === "abandoned")
    return { input: { ...common, ...surroundings, status: "pending" }, requests, endsAt };
  return {
    input: {
      ...common,
      ...surroundings,
      status: outcome,
      execution_time_ms: endsAt - startsAt,
      ...(outcome === "failed" ? { error_message: random.pick(FAILURES) } : {}),
      ...(outcome === "timeout" ? { error_message: `Ended after ${(endsAt - startsAt) / 1_000} s` } : {}),
      reported_cost_usd: reportedCostUsd(requests, setting.agentVersion),
      output: describeOutput(random, task, outcome, requests),
    },
    requests,
    endsAt,
  };
}

/** The record as it stood at `at`, while the execution was still running. */
export function cutOff(execution: DemoExecution, at: number): ExecutionInput {
  const { id, timestamp, command, model, workspace, session } = execution.input;
  const { batch_id = null, execution_sequence = null } = execution.input;
  const requests = execution.requests.filter((request) => Date.parse(request.timestamp) <= at);
  const known = { id, timestamp, command, model, workspace, session, batch_id, execution_sequence };
  return { ...known, status: "pending", requests };
}

function chooseOutcome(random: Random, task: Task, setting: Setting): Outcome {
  if (random.chance(task.failureRate)) return "failed";
  if (setting.limitMs !== null && random.chance(0.03)) return "timeout";
  return random.chance(0.004) ? "abandoned" : "completed";
}

function work(random: Random, task: Task, outcome: Outcome, setting: Setting, startsAt: number) {
  const { conversation, limitMs } = setting;
  const effort = outcome === "failed" ? 1.3 : outcome === "timeout" ? 2 : 1;
  const turns = Math.min(TURNS_MAX, Math.max(1, Math.round(random.around(task.turns * effort, 0.55))));
  const delegateAt = random.chance(task.delegates) ? random.whole(1, turns) : null;
  const endsBy = limitMs === null ? Infinity : startsAt + limitMs;
  const requests: DemoRequest[] = [];
  let toolCalls = 0;
  let at = startsAt + random.whole(150, 900);

  for (let turn = 0; turn < turns && at < endsBy; turn++) {
    const added = turn === 0 ? random.around(190, 0.7) : Math.min(24_000, random.around(1_250, 1));
    const output = Math.max(8, random.around(task.outputTokens, 0.75));
    const request = ask(random, conversation, at, Math.round(added), Math.round(output));
    requests.push(request);
    at += durationMs(random, request);
    if (turn === turns - 1) break;
    toolCalls += random.weighted([
      [1, 7],
      [2, 2],
      [3, 1],
    ]);
    if (turn === delegateAt) {
      const delegated = delegate(random, at, endsBy);
      requests.push(...delegated.requests);
      toolCalls += delegated.requests.length;
      at = delegated.endsAt;
    }
    at += Math.round(Math.min(240_000, random.around(1_700, 1.15)));
  }
  return { requests, toolCalls, endsAt: outcome === "timeout" || at > endsBy ? endsBy : at };
}

/** A sub-agent that searches on its own with a small model; a long search passes the prompt size where its price jumps. */
function delegate(
  random: Random,
  startsAt: number,
  endsBy: number,
): { requests: DemoRequest[]; endsAt: number } {
  const conversation = startConversation({
    model: SUB_AGENT_MODEL,
    cacheLifetime: "5m",
    prefixTokens: SUB_AGENT_PREFIX_TOKENS,
    at: startsAt,
    prefixIsWarm: random.chance(0.3),
  });
  const requests: DemoRequest[] = [];
  let at = startsAt;
  for (let left = random.whole(3, 16); left > 0 && at < endsBy; left--) {
    const read = Math.round(Math.min(30_000, random.around(4_800, 0.8)));
    const request = ask(random, conversation, at, read, Math.round(random.around(170, 0.6)));
    requests.push(request);
    at += durationMs(random, request) + Math.round(random.around(500, 0.8));
  }
  return { requests, endsAt: at };
}

function describeOutput(random: Random, task: Task, outcome: Outcome, requests: readonly DemoRequest[]) {
  const writes = task.linesAdded > 0 && outcome === "completed";
  const added = writes ? Math.round(random.around(task.linesAdded, 0.8)) : 0;
  return {
    lines_added: added,
    lines_removed: Math.round(added * random.next() * 0.7),
    files_changed: added === 0 ? 0 : Math.max(1, Math.round(added / random.whole(18, 60))),
    commits: writes && random.chance(0.35) ? 1 : 0,
    turns: requests.length,
  };
}
