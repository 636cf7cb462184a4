import { startConversation } from "./demo-conversation.ts";
import { runTask, type DemoExecution } from "./demo-execution.ts";
import type { Random } from "./demo-random.ts";
import { nightlyTasks, writeCommand } from "./demo-tasks.ts";
import type { Repository } from "./demo-team.ts";

const HOUR_MS = 3_600_000;
const LIMIT_MS = 15 * 60_000;
const AGENT_VERSION = "2.1.329";

/** The batch that goes over a repository every night, one command after the other under one batch id. */
export function workNightly(random: Random, repository: Repository, day: number): DemoExecution[] {
  let at = day + Math.round((2 + random.next() * 1.5) * HOUR_MS);
  const batchId = random.uuid(at);
  const commit = random.hex(40);
  return nightlyTasks()
    .filter(() => random.chance(0.6))
    .map((task, sequence) => {
      const setting = {
        conversation: startConversation({
          model: "claude-sonnet-5-5",
          cacheLifetime: "5m",
          prefixTokens: repository.prefixTokens,
          at,
          prefixIsWarm: sequence > 0,
        }),
        workspace: { repository: repository.name, branch: repository.defaultBranch, commit },
        session: { session_id: random.uuid(at), trigger: "schedule" },
        agentVersion: AGENT_VERSION,
        limitMs: LIMIT_MS,
      } as const;
      const command = writeCommand(random, task, repository, random.whole(110, 980));
      const execution = runTask(random, task, command, setting, at);
      at = execution.endsAt + random.whole(400, 4_000);
      Object.assign(execution.input, { batch_id: batchId, execution_sequence: sequence });
      return execution;
    });
}
