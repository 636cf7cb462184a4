import type { ExecutionInput } from "../shared/agent/execution.ts";
import { cutOff, type DemoExecution } from "./demo-execution.ts";
import { createRandom } from "./demo-random.ts";
import { DEVELOPERS, REPOSITORIES } from "./demo-team.ts";
import { workNightly } from "./demo-nightly.ts";
import { workOnPullRequests } from "./demo-pull-requests.ts";
import { workThroughDay } from "./demo-sessions.ts";

const DAY_MS = 86_400_000;

/**
 * Invented executions of a small team up to `now`, oldest day first: people's sessions, pull-request checks in CI and
 * nightly batches. Each day depends on the seed and its date alone, so the same seed gives the same ids whenever it is
 * called: a later `now` adds what has happened since, completes what was still running, and changes nothing else.
 */
export function* generateDemo(options: {
  seed: string;
  now: Date;
  weeks: number;
}): Generator<ExecutionInput> {
  const now = options.now.getTime();
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  // A developer west of Greenwich ends the day on the next UTC date, one to the east begins it the date before.
  for (let day = today - options.weeks * 7 * DAY_MS; day <= today + DAY_MS; day += DAY_MS) {
    const executions = workOfDay(options.seed, day).sort((a, b) => startOf(a) - startOf(b));
    for (const execution of executions) {
      if (startOf(execution) > now) continue;
      yield execution.endsAt <= now ? execution.input : cutOff(execution, now);
    }
  }
}

function workOfDay(seed: string, day: number): DemoExecution[] {
  const date = new Date(day).toISOString().slice(0, 10);
  return [
    ...DEVELOPERS.flatMap((developer) =>
      workThroughDay(createRandom(seed, date, developer.name), developer, day),
    ),
    ...REPOSITORIES.flatMap((repository) =>
      workOnPullRequests(createRandom(seed, date, "pull requests", repository.name), repository, day),
    ),
    ...REPOSITORIES.flatMap((repository) =>
      workNightly(createRandom(seed, date, "nightly", repository.name), repository, day),
    ),
  ];
}

function startOf(execution: DemoExecution): number {
  return Date.parse(execution.input.timestamp);
}
