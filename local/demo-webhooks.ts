import { createRandom, type Random } from "./demo-random.ts";
import { DEVELOPERS, getRepository, type Repository } from "./demo-team.ts";
import {
  describeCheckRun,
  describeDeployment,
  describeDeploymentStatus,
  describePullRequest,
  describePush,
  type PullRequestState,
  withSurroundings,
} from "./demo-github.ts";
import { describeVercelDeployment } from "./demo-vercel.ts";
import type { DemoPullRequest } from "./find-pull-requests.ts";

/** A delivery as its sender would make it, before it is signed. */
export interface DemoWebhook {
  source: "github" | "vercel" | "linear";
  /** GitHub's name of the event, or the type of the others. */
  event: string;
  id: string;
  at: number;
  body: string;
}

const MINUTE_MS = 60_000;
const BOT = "harbor-deploy[bot]";
/** Its previews and releases are Vercel's. */
const ON_VERCEL = "northwind-harbor/storefront";
const CHECKS = ["test", "build"];
type Ending = "released" | "release failed" | "closed" | "left open";
/** How a repository's pull requests end, in turn, so that every ending is there whatever the seed and the day. */
const ENDINGS: readonly Ending[] = [
  "released",
  "release failed",
  "released",
  "closed",
  "released",
  "left open",
  "released",
];
const VERBS = ["Fix", "Speed up", "Tidy", "Extend", "Guard"];

/**
 * What GitHub and Vercel would have sent about these pull requests up to `now`, in the order it happened: pushes, reviews
 * by checks, merges, deployments that end well or badly. The same seed tells the same story.
 */
export function generateDemoWebhooks(options: {
  seed: string;
  now: number;
  pullRequests: readonly DemoPullRequest[];
}): DemoWebhook[] {
  const told = new Map<string, number>();
  return options.pullRequests
    .flatMap((pullRequest) => {
      const { repository, number } = pullRequest;
      const nth = told.get(repository) ?? 0;
      told.set(repository, nth + 1);
      const random = createRandom(options.seed, "webhooks", repository, number);
      return tellStory(random, pullRequest, ENDINGS[nth % ENDINGS.length] ?? "released");
    })
    .filter(({ at }) => at <= options.now)
    .sort((a, b) => a.at - b.at);
}

function tellStory(random: Random, pullRequest: DemoPullRequest, ending: Ending): DemoWebhook[] {
  const repository = getRepository(pullRequest.repository);
  const author = random.pick(DEVELOPERS.filter((each) => each.repositories.includes(repository.name))).name;
  const story = new Story(random, repository, author.toLowerCase());
  const { number, branch, commit, reviewedAt } = pullRequest;
  const component = random.pick(repository.components);
  const title = `${random.pick(VERBS)} ${component}`;
  const openedAt = reviewedAt - random.whole(20, 240) * MINUTE_MS;
  const first = random.chance(0.4) ? random.hex(40) : commit;
  const opened = { number, title, branch, author: story.author, openedAt, closed: null };

  story.push(openedAt - MINUTE_MS, branch, null, [first], title);
  story.pullRequest(openedAt, "opened", { ...opened, head: first, updatedAt: openedAt });
  story.check(openedAt, branch, first, first === commit);
  if (first !== commit) {
    const at = reviewedAt - 5 * MINUTE_MS;
    story.push(at, branch, first, [commit], `Fix what the checks found in ${component}`);
    story.pullRequest(at + 2_000, "synchronize", { ...opened, head: commit, updatedAt: at });
    story.check(at, branch, commit, true);
  }
  const closedAt = reviewedAt + random.whole(10, 400) * MINUTE_MS;
  if (ending === "left open") return story.told;
  const mergeCommit = ending === "closed" ? null : random.hex(40);
  const closed = { at: closedAt, mergeCommit };
  story.pullRequest(closedAt, "closed", { ...opened, head: commit, updatedAt: closedAt, closed });
  if (mergeCommit === null) return story.told;
  story.push(
    closedAt + 1_000,
    repository.defaultBranch,
    random.hex(40),
    [mergeCommit],
    `${title} (#${number})`,
  );
  story.deploy(closedAt + 4 * MINUTE_MS, mergeCommit, ending === "released");
  return story.told;
}

class Story {
  readonly told: DemoWebhook[] = [];
  readonly author: string;
  readonly #random: Random;
  readonly #repository: Repository;

  constructor(random: Random, repository: Repository, author: string) {
    this.#random = random;
    this.#repository = repository;
    this.author = author;
  }

  push(at: number, branch: string, before: string | null, shas: readonly string[], message: string): void {
    const commits = shas.map((id) => ({ id, message, at: at - MINUTE_MS }));
    const push = { repository: this.#repository, branch, before, commits, author: this.author };
    this.#github("push", at, this.author, describePush(push));
  }

  pullRequest(at: number, action: string, state: PullRequestState): void {
    const { number, head } = state;
    const event = { action, number, pull_request: describePullRequest(this.#repository, state) };
    this.#github(
      "pull_request",
      at,
      this.author,
      action === "synchronize" ? { ...event, after: head } : event,
    );
  }

  /** The checks of a commit; those of one that is replaced have found something. */
  check(at: number, branch: string, sha: string, isGood: boolean): void {
    for (const [index, name] of CHECKS.entries()) {
      const startedAt = at + (10 + index) * 1_000;
      const completedAt = startedAt + this.#random.whole(40, 420) * 1_000;
      const conclusion = isGood || index > 0 ? "success" : "failure";
      const run = { repository: this.#repository, name, sha, branch, startedAt };
      const begun = describeCheckRun({ ...run, completedAt: null, conclusion: null });
      const ended = describeCheckRun({ ...run, completedAt, conclusion });
      this.#github("check_run", startedAt, this.author, { action: "created", check_run: begun });
      this.#github("check_run", completedAt, this.author, { action: "completed", check_run: ended });
    }
  }

  deploy(at: number, sha: string, isGood: boolean): void {
    const endsAt = at + this.#random.whole(60, 600) * 1_000;
    if (this.#repository.name === ON_VERCEL) {
      this.#vercel("deployment.created", at, sha);
      this.#vercel(isGood ? "deployment.succeeded" : "deployment.error", endsAt, sha);
      return;
    }
    const deployment = describeDeployment({
      repository: this.#repository,
      sha,
      ref: this.#repository.defaultBranch,
      environment: "production",
      creator: BOT,
      at,
    });
    this.#github("deployment", at, BOT, { action: "created", deployment });
    for (const [state, stateAt] of [
      ["in_progress", at + 3_000],
      [isGood ? "success" : "failure", endsAt],
    ] as const) {
      const status = { deployment, state, creator: BOT, at: stateAt, url: null };
      const event = { action: "created", deployment, deployment_status: describeDeploymentStatus(status) };
      this.#github("deployment_status", stateAt, BOT, event);
    }
  }

  #github(event: string, at: number, sender: string, body: Readonly<Record<string, unknown>>): void {
    const whole = withSurroundings(this.#repository, sender, at, body);
    this.told.push({ source: "github", event, id: this.#random.uuid(at), at, body: JSON.stringify(whole) });
  }

  #vercel(type: string, at: number, sha: string): void {
    const id = `demo_${this.#random.hex(24)}`;
    const payload = describeVercelDeployment(this.#repository, sha, this.author);
    const body = JSON.stringify({ id, type, createdAt: at, region: "fra1", payload });
    this.told.push({ source: "vercel", event: type, id, at, body });
  }
}
