import { NO_USAGE, addUsage } from "../shared/agent/usage.ts";
import { startConversation } from "./demo-conversation.ts";
import { runTask, type DemoExecution } from "./demo-execution.ts";
import type { Random } from "./demo-random.ts";
import { pickPullRequestTask, writeCommand } from "./demo-tasks.ts";
import type { Repository } from "./demo-team.ts";

const HOUR_MS = 3_600_000;
const LIMIT_MS = 10 * 60_000;
const AGENT_VERSION = "2.1.240";
/** CI pins its model, and one repository forgot to move on. */
const PINNED_MODELS: Readonly<Record<string, string>> = {
  "northwind-harbor/warehouse-sync": "claude-haiku-4-5",
};

/** What CI asked the agent about a repository's open pull requests on one day. */
export function workOnPullRequests(random: Random, repository: Repository, day: number): DemoExecution[] {
  const weekday = new Date(day).getUTCDay();
  if (weekday === 0 || weekday === 6) return [];
  return Array.from({ length: random.whole(0, 4) }, () => {
    const number = random.whole(110, 980);
    const at = day + Math.round((8 + random.next() * 11) * HOUR_MS);
    const setting = {
      conversation: startConversation({
        model: PINNED_MODELS[repository.name] ?? "claude-sonnet-5-5",
        cacheLifetime: "5m",
        prefixTokens: repository.prefixTokens,
        at,
        prefixIsWarm: false,
      }),
      workspace: {
        repository: repository.name,
        branch: `change/${number}`,
        commit: random.hex(40),
        pull_request: number,
        ci: true,
      },
      session: { session_id: random.uuid(at), trigger: "pull_request" },
      agentVersion: AGENT_VERSION,
      limitMs: LIMIT_MS,
    } as const;
    const task = pickPullRequestTask(random);
    const execution = runTask(random, task, writeCommand(random, task, repository, number), setting, at);
    return random.chance(0.2) ? withTotalsOnly(execution) : execution;
  });
}

/** Some runners keep nothing of the single requests but their sum. */
function withTotalsOnly(execution: DemoExecution): DemoExecution {
  const { requests: _requests, ...rest } = execution.input;
  const usage = execution.requests.map((request) => request.usage).reduce(addUsage, NO_USAGE);
  return { ...execution, input: { ...rest, usage: { ...usage } } };
}
