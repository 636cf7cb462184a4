import type { ExecutionInput } from "../shared/agent/execution.ts";
import { describePullRequest, describePush, type PullRequestState, withSurroundings } from "./demo-github.ts";
import { describeLinearIssue } from "./demo-linear.ts";
import { createRandom, type Random } from "./demo-random.ts";
import { getRepository, type Repository } from "./demo-team.ts";
import type { DemoWebhook } from "./demo-webhooks.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Numbers of the demo's other pull requests and of its issues end below this. */
const FIRST_NUMBER = 1_001;
const VERBS = ["Fix", "Speed up", "Extend", "Guard", "Test"];

/** A developer's branch as the executions on it tell of it. */
interface Branch {
  repository: Repository;
  name: string;
  issue: string | null;
  developer: string;
  firstAt: number;
  lastAt: number;
}

/**
 * What GitHub and Linear would have sent up to `now` about many of the branches people worked on: a push, a pull request
 * that is merged, given up or still open, and the issue its branch is named after. The same seed tells the same story.
 */
export function generateDemoBranches(options: {
  seed: string;
  now: number;
  executions: Iterable<ExecutionInput>;
}): DemoWebhook[] {
  const numbers = new Map<string, number>();
  return findBranches(options.executions)
    .flatMap((branch) => {
      const random = createRandom(options.seed, "branch", branch.repository.name, branch.name);
      if (random.chance(0.4)) return [];
      const number = numbers.get(branch.repository.name) ?? FIRST_NUMBER;
      numbers.set(branch.repository.name, number + 1);
      return tellBranch(random, branch, number);
    })
    .filter(({ at }) => at <= options.now)
    .sort((a, b) => a.at - b.at);
}

function findBranches(executions: Iterable<ExecutionInput>): Branch[] {
  const found = new Map<string, Branch>();
  for (const { timestamp, workspace, session } of executions) {
    const developer = session?.["developer"];
    const { repository: name, branch } = workspace ?? {};
    if (typeof developer !== "string" || name === undefined || branch === undefined) continue;
    const repository = getRepository(name);
    if (branch === repository.defaultBranch) continue;
    const at = Date.parse(timestamp);
    const key = `${name} ${branch}`;
    const known = found.get(key);
    const issue = /^[a-z]+\/([a-z]+-\d+)/.exec(branch)?.[1]?.toUpperCase() ?? null;
    if (known === undefined) {
      found.set(key, { repository, name: branch, issue, developer, firstAt: at, lastAt: at });
    } else known.lastAt = at;
  }
  return [...found.values()].sort((a, b) => a.firstAt - b.firstAt);
}

function tellBranch(random: Random, branch: Branch, number: number): DemoWebhook[] {
  const { repository, name, issue, firstAt, lastAt } = branch;
  const author = branch.developer.toLowerCase();
  const title = `${random.pick(VERBS)} ${random.pick(repository.components)}`;
  const head = random.hex(40);
  const openedAt = firstAt + Math.round((lastAt - firstAt) * random.next()) + 5 * MINUTE_MS;
  const endsAt = Math.max(openedAt, lastAt) + HOUR_MS + random.whole(0, 30) * HOUR_MS;
  const mergeCommit = random.chance(0.85) ? random.hex(40) : null;
  const isLeftOpen = random.chance(0.12);
  const told: DemoWebhook[] = [];
  const github = (event: string, at: number, body: Readonly<Record<string, unknown>>): void => {
    const whole = JSON.stringify(withSurroundings(repository, author, at, body));
    told.push({ source: "github", event, id: random.uuid(at), at, body: whole });
  };
  const linear = (at: number, state: "unstarted" | "started" | "completed"): void => {
    if (issue === null) return;
    const body = JSON.stringify(
      describeLinearIssue({ key: issue, title, author, at, state, createdAt: firstAt - HOUR_MS }),
    );
    told.push({ source: "linear", event: "Issue", id: random.uuid(at), at, body });
  };
  const state: PullRequestState = {
    number,
    title,
    branch: name,
    head,
    author,
    openedAt,
    updatedAt: openedAt,
    closed: null,
  };

  linear(firstAt - HOUR_MS, "unstarted");
  if (isLeftOpen) linear(firstAt, "started");
  const commits = [{ id: head, message: title, at: openedAt - 2 * MINUTE_MS }];
  github(
    "push",
    openedAt - MINUTE_MS,
    describePush({ repository, branch: name, before: null, commits, author }),
  );
  github("pull_request", openedAt, {
    action: "opened",
    number,
    pull_request: describePullRequest(repository, state),
  });
  if (isLeftOpen) return told;
  const closed = { ...state, updatedAt: endsAt, closed: { at: endsAt, mergeCommit } };
  github("pull_request", endsAt, {
    action: "closed",
    number,
    pull_request: describePullRequest(repository, closed),
  });
  if (mergeCommit === null) return told;
  const merged = [{ id: mergeCommit, message: `${title} (#${number})`, at: endsAt }];
  const push = {
    repository,
    branch: repository.defaultBranch,
    before: random.hex(40),
    commits: merged,
    author,
  };
  github("push", endsAt + 1_000, describePush(push));
  linear(endsAt + MINUTE_MS, "completed");
  return told;
}
