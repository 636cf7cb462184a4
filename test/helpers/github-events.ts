import { createHash, randomUUID } from "node:crypto";
import type { ClaimedEvent } from "../../functions/events/projection.ts";
import type { Json, JsonObject } from "../../shared/event-payload.ts";

/** An event as GitHub sends it: the name in its header, the delivery's own name, and the body before it is JSON text. */
export interface GithubDelivery {
  event: string;
  guid: string;
  payload: JsonObject;
}

const START = Date.UTC(2026, 10, 2, 9, 0, 0);

/** Seconds of the sequence as GitHub writes them; two events often share one. */
export const githubTime = (second: number): string =>
  new Date(START + second * 1000).toISOString().replace(".000Z", "Z");

/** A commit's name, the same for the same text. */
export const shaOf = (text: string): string => createHash("sha1").update(text).digest("hex");

const person = (login: string): JsonObject => ({ login, id: 4_200_001, type: "User" });

/** The repository as it is in an event of the given second. */
export function makeGithubRepository(second: number, partial: JsonObject = {}): JsonObject {
  const fullName = typeof partial["full_name"] === "string" ? partial["full_name"] : "acme/shop";
  return {
    id: 700_000_001,
    name: fullName.split("/")[1],
    full_name: fullName,
    private: true,
    owner: { ...person("acme"), type: "Organization" },
    html_url: `https://github.example/${fullName}`,
    description: "Everything the shop sells",
    fork: false,
    archived: false,
    language: "TypeScript",
    default_branch: "main",
    created_at: "2024-02-01T08:00:00Z",
    updated_at: githubTime(second),
    pushed_at: githubTime(0),
    ...partial,
  };
}

/** An event of any kind about the repository, sent by ana. */
export function makeGithubEvent(event: string, payload: JsonObject, repository?: JsonObject): GithubDelivery {
  return {
    event,
    guid: randomUUID(),
    payload: {
      ...payload,
      repository: repository ?? makeGithubRepository(0),
      organization: { login: "acme", id: 9_001 },
      installation: { id: 55_001 },
      sender: person("ana"),
    },
  };
}

const addressOf = (repository: JsonObject): string =>
  typeof repository["html_url"] === "string" ? repository["html_url"] : "";

function makeCommit(name: string, second: number, repository: JsonObject): JsonObject {
  const author = { name: "Ana", email: "ana@acme.example", username: "ana" };
  return {
    id: shaOf(name),
    distinct: true,
    message: `${name}\n\nWhy it was needed.\nSigned-off-by: Ana <ana@acme.example>`,
    timestamp: githubTime(second),
    url: `${addressOf(repository)}/commit/${shaOf(name)}`,
    author,
    committer: author,
  };
}

interface PushOptions {
  second: number;
  branch?: string;
  /** When the commits were made; as a rule in the second they are pushed. */
  committed?: number;
  /** Messages, oldest first; none for the end of the branch. */
  commits: readonly string[];
  created?: boolean;
  forced?: boolean;
  repository?: JsonObject;
}

/** A push of commits to a branch, or without commits its deletion. */
export function makeGithubPush({
  second,
  branch = "main",
  committed,
  commits,
  created,
  forced,
  repository,
}: PushOptions): GithubDelivery {
  const about: JsonObject = {
    ...(repository ?? makeGithubRepository(0)),
    // In a push, and only there, these are seconds since 1970.
    created_at: Date.parse("2024-02-01T08:00:00Z") / 1000,
    pushed_at: START / 1000 + second,
  };
  const made = commits.map((name) => makeCommit(name, committed ?? second, about));
  const head = made.at(-1) ?? null;
  return makeGithubEvent(
    "push",
    {
      ref: `refs/heads/${branch}`,
      before: "0".repeat(40),
      after: head?.["id"] ?? "0".repeat(40),
      created: created ?? false,
      deleted: head === null,
      forced: forced ?? false,
      base_ref: null,
      compare: `${addressOf(about)}/compare/a...b`,
      commits: made,
      head_commit: head,
      pusher: { name: "ana", email: "ana@acme.example" },
    },
    about,
  );
}

/** A pull request's event, in the state of the given second. */
export function makeGithubPullRequest(
  action: string,
  second: number,
  partial: JsonObject = {},
  repository?: JsonObject,
): GithubDelivery {
  const pullRequest = {
    id: 810_000_001,
    number: 7,
    title: "Take cards",
    state: "open",
    merged: false,
    merged_at: null,
    merge_commit_sha: shaOf("a trial merge"),
    user: person("ana"),
    assignee: null,
    head: { ref: "cards", sha: shaOf("Take cards") },
    base: { ref: "main", sha: shaOf("Begin") },
    commits: 1,
    html_url: "https://github.example/acme/shop/pull/7",
    created_at: githubTime(2),
    updated_at: githubTime(second),
    closed_at: null,
    ...partial,
  };
  return makeGithubEvent("pull_request", { action, number: 7, pull_request: pullRequest }, repository);
}

/** A check's event; `completed` gives it its end and result. */
export function makeGithubCheckRun(
  status: "queued" | "in_progress" | "completed",
  startedAt: number,
  completedAt: number | null = null,
  partial: JsonObject = {},
): GithubDelivery {
  const checkRun = {
    id: 820_000_001,
    name: "unit tests",
    status,
    conclusion: completedAt === null ? null : "success",
    head_sha: shaOf("Take cards"),
    started_at: githubTime(startedAt),
    completed_at: completedAt === null ? null : githubTime(completedAt),
    html_url: "https://github.example/acme/shop/runs/820000001",
    check_suite: { id: 830_000_001, head_branch: "cards" },
    app: { slug: "checks", name: "Checks" },
    ...partial,
  };
  const action = status === "completed" ? "completed" : "created";
  return makeGithubEvent("check_run", { action, check_run: checkRun });
}

/** A run of a workflow. */
export function makeGithubWorkflowRun(
  action: "requested" | "in_progress" | "completed",
  second: number,
  partial: JsonObject = {},
): GithubDelivery {
  const run = {
    id: 840_000_001,
    workflow_id: 841,
    name: "ci",
    display_title: "Take cards",
    run_number: 31,
    run_attempt: 1,
    event: "push",
    status: action === "requested" ? "queued" : action,
    conclusion: action === "completed" ? "success" : null,
    head_branch: "cards",
    head_sha: shaOf("Take cards"),
    actor: person("ana"),
    html_url: "https://github.example/acme/shop/actions/runs/840000001",
    created_at: githubTime(3),
    run_started_at: githubTime(3),
    updated_at: githubTime(second),
    ...partial,
  };
  return makeGithubEvent("workflow_run", { action, workflow_run: run });
}

function makeDeploymentObject(id: number, second: number): JsonObject {
  return {
    id,
    sha: shaOf("Merge cards"),
    ref: "main",
    task: "deploy",
    environment: "production",
    description: "to production",
    creator: person("ana"),
    created_at: githubTime(second),
    updated_at: githubTime(second),
  };
}

/** The announcement of a deployment. */
export function makeGithubDeployment(id: number, second: number): GithubDelivery {
  return makeGithubEvent("deployment", { action: "created", deployment: makeDeploymentObject(id, second) });
}

interface StatusOptions {
  id: number;
  state: string;
  second: number;
  /** When the deployment was announced. */
  announced: number;
}

/** What became of a deployment. */
export function makeGithubDeploymentStatus({ id, state, second, announced }: StatusOptions): GithubDelivery {
  const status = {
    id: id * 100 + second,
    state,
    creator: person("deployer"),
    description: "",
    environment: "production",
    environment_url: "https://shop.acme.example",
    log_url: "https://github.example/acme/shop/actions/runs/1",
    target_url: "",
    created_at: githubTime(second),
    updated_at: githubTime(second),
  };
  return makeGithubEvent("deployment_status", {
    action: "created",
    deployment_status: status,
    deployment: makeDeploymentObject(id, announced),
  });
}

const status = (id: number, state: string, second: number, announced: number): GithubDelivery =>
  makeGithubDeploymentStatus({ id, state, second, announced });

/** A change's way from its first push to a second deployment, after the first had failed. Many share a second. */
export function makeGithubSequence(): GithubDelivery[] {
  const renamed = makeGithubRepository(16, { full_name: "acme/store" });
  return [
    makeGithubPush({ second: 0, commits: ["Begin"], created: true }),
    makeGithubPush({ second: 1, branch: "cards", commits: ["Take cards"], created: true }),
    makeGithubPullRequest("opened", 2),
    makeGithubPullRequest("labeled", 2),
    makeGithubPush({ second: 3, branch: "cards", committed: 2, commits: ["Test cards"] }),
    makeGithubPush({ second: 3, branch: "cards", commits: ["Test cards more"], forced: true }),
    makeGithubPullRequest("synchronize", 3, { head: { ref: "cards", sha: shaOf("Test cards more") } }),
    makeGithubCheckRun("queued", 3),
    makeGithubCheckRun("in_progress", 3),
    makeGithubCheckRun("completed", 3, 5),
    makeGithubWorkflowRun("requested", 3),
    makeGithubWorkflowRun("in_progress", 3),
    makeGithubWorkflowRun("completed", 5),
    makeGithubPullRequest("closed", 6, {
      state: "closed",
      merged: true,
      merged_at: githubTime(6),
      closed_at: githubTime(6),
      merge_commit_sha: shaOf("Merge cards"),
    }),
    makeGithubPush({ second: 6, commits: ["Take cards", "Test cards more", "Merge cards"] }),
    makeGithubDeployment(901, 7),
    status(901, "queued", 7, 7),
    status(901, "in_progress", 7, 7),
    status(901, "failure", 9, 7),
    makeGithubDeployment(902, 10),
    status(902, "queued", 10, 10),
    status(902, "in_progress", 11, 10),
    status(902, "success", 12, 10),
    status(902, "in_progress", 14, 10),
    makeGithubEvent(
      "repository",
      { action: "renamed", changes: { repository: { name: { from: "shop" } } } },
      renamed,
    ),
    // The same commit again, at the address the repository has now.
    makeGithubPush({
      second: 16,
      branch: "release",
      commits: ["Merge cards"],
      created: true,
      repository: renamed,
    }),
    makeGithubPush({ second: 17, branch: "cards", commits: [], repository: renamed }),
  ];
}

/** An event as a worker holds it, of any source. */
export function makeClaimedEvent(payload: Json, partial: Partial<ClaimedEvent> = {}): ClaimedEvent {
  return {
    organizationId: randomUUID(),
    id: randomUUID(),
    receivedAt: Date.now(),
    sourceId: randomUUID(),
    source: "github",
    eventType: "github.ping",
    action: null,
    deliveryKey: randomUUID(),
    headers: {},
    contentType: "application/json",
    body: JSON.stringify(payload),
    attempts: 1,
    replays: 0,
    isKnownType: true,
    isEnabledType: true,
    ...partial,
  };
}

/** A delivery of GitHub as a worker holds it. */
export function claimGithubDelivery(
  delivery: GithubDelivery,
  partial: Partial<ClaimedEvent> = {},
): ClaimedEvent {
  const action = delivery.payload["action"];
  return makeClaimedEvent(delivery.payload, {
    eventType: `github.${delivery.event}`,
    action: typeof action === "string" ? action : null,
    deliveryKey: delivery.guid,
    headers: {
      "x-github-event": delivery.event,
      "x-github-delivery": delivery.guid,
      "x-github-hook-id": "44001",
    },
    ...partial,
  });
}
