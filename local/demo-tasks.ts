import type { Random } from "./demo-random.ts";
import type { Repository } from "./demo-team.ts";

/** A kind of work with the size it usually has. */
export interface Task {
  write: (words: Words) => string;
  /** Model requests of the main conversation, as a median. */
  turns: number;
  outputTokens: number;
  /** Chance that part of the work is handed to sub-agents. */
  delegates: number;
  /** Median of lines added when it succeeds; 0 for work that only reads. */
  linesAdded: number;
  failureRate: number;
}

interface Words {
  file: string;
  component: string;
  number: number;
  flag: boolean;
}

const task = (
  turns: number,
  outputTokens: number,
  delegates: number,
  linesAdded: number,
  failureRate: number,
  write: Task["write"],
): Task => ({ write, turns, outputTokens, delegates, linesAdded, failureRate });

const INTERACTIVE: readonly (readonly [Task, number])[] = [
  [
    task(
      15,
      320,
      0.25,
      60,
      0.06,
      (w) => `/fix-issue ${w.number} --component=${w.component}${w.flag ? " --with-tests" : ""}`,
    ),
    9,
  ],
  [task(11, 420, 0.1, 90, 0.04, (w) => `/write-tests ${w.file}${w.flag ? " --coverage" : ""}`), 7],
  [task(7, 380, 0.35, 0, 0.02, (w) => `/review ${w.file}`), 4],
  [task(4, 240, 0, 4, 0.01, (w) => `/commit ${w.flag ? "--amend" : "-m"} "${w.component}: tidy up"`), 6],
  [
    task(
      24,
      450,
      0.55,
      210,
      0.1,
      (w) => `/plan-feature ${w.component} --depth=${w.flag ? "full" : "outline"}`,
    ),
    3,
  ],
  [
    task(
      13,
      330,
      0.2,
      45,
      0.07,
      (w) => `The ${w.component} tests fail since this morning, find out why and fix the cause`,
    ),
    8,
  ],
  [task(9, 350, 0.15, 55, 0.04, (w) => `Refactor ${w.file} so that the validation is one pure function`), 6],
  [
    task(
      5,
      420,
      0.3,
      0,
      0.01,
      (w) => `Explain how ${w.component} decides what to retry, with the files that matter`,
    ),
    6,
  ],
  [
    task(
      18,
      430,
      0.3,
      160,
      0.08,
      (w) => `Implement issue #${w.number}: ${w.component} should survive a restart in the middle of a write`,
    ),
    5,
  ],
  [
    task(
      8,
      300,
      0.05,
      25,
      0.03,
      (w) => `Update the documentation of ${w.component} after the last change to ${w.file}`,
    ),
    4,
  ],
  [
    task(
      6,
      260,
      0.1,
      12,
      0.03,
      (w) => `Why is ${w.file} slow for large orders? Measure before you change anything`,
    ),
    4,
  ],
  [task(3, 180, 0, 6, 0.01, (w) => `rename the confusing variables in ${w.file}`), 5],
  [
    task(
      12,
      380,
      0.2,
      80,
      0.05,
      (w) => `Add a migration for ${w.component} with a way back, and run it both ways`,
    ),
    3,
  ],
  [
    task(
      5,
      230,
      0,
      0,
      0.04,
      (w) =>
        `Connect with postgres://demo:example-password@localhost/orders and explain the slow query behind ${w.component}`,
    ),
    1,
  ],
];

const ON_PULL_REQUEST: readonly (readonly [Task, number])[] = [
  [task(9, 420, 0.5, 0, 0.03, (w) => `/review-pr ${w.number} --strict`), 6],
  [task(12, 310, 0.1, 35, 0.16, (w) => `/fix-ci ${w.number} --max-attempts=3`), 3],
  [task(3, 300, 0, 0, 0.01, (w) => `/describe-pr ${w.number}`), 2],
];

const NIGHTLY: readonly Task[] = [
  task(6, 280, 0, 0, 0.03, (w) => `/triage-issues --since=24h --component=${w.component}`),
  task(14, 260, 0.05, 120, 0.14, () => "/update-dependencies --minor --open-pr"),
  task(10, 300, 0.6, 0, 0.04, () => "/security-scan --diff-only"),
  task(5, 350, 0.1, 40, 0.02, () => "/write-changelog --unreleased"),
  task(7, 240, 0.2, 0, 0.05, (w) => `/flaky-tests ${w.component} --runs=20`),
];

export function pickInteractiveTask(random: Random): Task {
  return random.weighted(INTERACTIVE);
}

export function pickPullRequestTask(random: Random): Task {
  return random.weighted(ON_PULL_REQUEST);
}

export function nightlyTasks(): readonly Task[] {
  return NIGHTLY;
}

export function writeCommand(random: Random, kind: Task, repository: Repository, number: number): string {
  return kind.write({
    file: random.pick(repository.files),
    component: random.pick(repository.components),
    number,
    flag: random.chance(0.4),
  });
}
