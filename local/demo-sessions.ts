import { startConversation } from "./demo-conversation.ts";
import { runTask, type DemoExecution, type Setting } from "./demo-execution.ts";
import type { Random } from "./demo-random.ts";
import { pickInteractiveTask, writeCommand } from "./demo-tasks.ts";
import { getRepository, type Developer } from "./demo-team.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const WORKDAY_HOURS = 9;

/** The sessions of one developer on one local day: several on a workday, seldom one at the weekend. */
export function workThroughDay(random: Random, developer: Developer, day: number): DemoExecution[] {
  const weekday = new Date(day).getUTCDay();
  const isWeekend = weekday === 0 || weekday === 6;
  const isAway = random.chance(isWeekend ? 0.9 : 0.08);
  if (isAway) return [];
  const sessions = isWeekend ? 1 : Math.max(1, Math.round(random.around(developer.sessionsPerDay, 0.35)));
  const opensAt = day + (developer.startsAtHour - developer.utcOffsetHours) * HOUR_MS;
  const each = (WORKDAY_HOURS / sessions) * HOUR_MS;
  return Array.from({ length: sessions }, (_, index) => {
    const startsAt = opensAt + Math.round((index + random.next() * 0.3) * each);
    return runSession(random, developer, startsAt, startsAt + Math.round(each * 0.7));
  }).flat();
}

function runSession(random: Random, developer: Developer, startsAt: number, endsBy: number): DemoExecution[] {
  const repository = getRepository(random.pick(developer.repositories));
  const number = random.whole(110, 980);
  const setting = describeSession(random, developer, repository, number, startsAt);
  const executions: DemoExecution[] = [];
  let at = startsAt;
  for (let prompts = random.whole(2, 8); prompts > 0 && at < endsBy; prompts--) {
    const task = pickInteractiveTask(random);
    const command = writeCommand(random, task, repository, number);
    const execution = runTask(random, task, command, setting, at);
    executions.push(execution);
    if (execution.input.status === "pending") break;
    at = execution.endsAt + Math.round(Math.min(50 * MINUTE_MS, random.around(2.4 * MINUTE_MS, 1.1)));
  }
  return executions;
}

function describeSession(
  random: Random,
  developer: Developer,
  repository: ReturnType<typeof getRepository>,
  number: number,
  at: number,
): Setting {
  const branch = random.chance(0.15) ? repository.defaultBranch : nameBranch(developer, number);
  return {
    conversation: startConversation({
      model: random.weighted(developer.models),
      cacheLifetime: developer.cacheLifetime,
      prefixTokens: repository.prefixTokens,
      at,
      prefixIsWarm: random.chance(0.35),
    }),
    workspace: { repository: repository.name, branch, commit: random.hex(40) },
    session: { session_id: random.uuid(at), developer: developer.name },
    agentVersion: developer.agentVersion,
    limitMs: null,
  };
}

/** Some name their branches after the issue of Linear's, others after the number alone. */
function nameBranch({ name, namesIssues }: Developer, number: number): string {
  return `${name.toLowerCase()}/${namesIssues ? `har-${number}` : number}`;
}
