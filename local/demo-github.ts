import { createRandom } from "./demo-random.ts";
import type { Repository } from "./demo-team.ts";

type Body = Readonly<Record<string, unknown>>;

const WEB = "https://github.com";
const LANGUAGES: Readonly<Record<string, string>> = {
  ts: "TypeScript",
  tsx: "TypeScript",
  py: "Python",
  tf: "HCL",
  dart: "Dart",
};

/** A number that is the same whenever the same thing is named. */
export function stableId(...names: readonly (string | number)[]): number {
  return createRandom("id", ...names).whole(100_000_000, 999_999_999);
}

function isoTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** What every delivery of a repository's hook carries. */
export function withSurroundings(repository: Repository, sender: string, at: number, event: Body): Body {
  return {
    ...event,
    repository: describeRepository(repository, at),
    organization: { login: ownerOf(repository), id: stableId("organization", ownerOf(repository)) },
    sender: describeUser(sender),
  };
}

function describeRepository(repository: Repository, at: number): Body {
  const [owner = "", name = ""] = repository.name.split("/");
  const extension = repository.files[0]?.split(".").at(-1) ?? "";
  return {
    id: stableId("repository", repository.name),
    name,
    full_name: repository.name,
    private: true,
    owner: { login: owner, id: stableId("organization", owner), type: "Organization" },
    html_url: `${WEB}/${repository.name}`,
    description: `${repository.components.join(", ")} of the shop`,
    fork: false,
    archived: false,
    language: LANGUAGES[extension] ?? null,
    default_branch: repository.defaultBranch,
    created_at: "2023-02-14T09:30:00Z",
    updated_at: isoTime(at),
    pushed_at: isoTime(at),
  };
}

function ownerOf(repository: Repository): string {
  return repository.name.split("/")[0] ?? "";
}

function describeUser(login: string): Body {
  return { login, id: stableId("user", login), type: login.endsWith("[bot]") ? "Bot" : "User" };
}

export interface Commit {
  id: string;
  message: string;
  at: number;
}

export function describePush(options: {
  repository: Repository;
  branch: string;
  before: string | null;
  commits: readonly Commit[];
  author: string;
}): Body {
  const { repository, branch, before, commits, author } = options;
  const name = author.charAt(0).toUpperCase() + author.slice(1);
  const person = { name, email: `${author}@northwind-harbor.example`, username: author };
  const described = commits.map(({ id, message, at }) => ({
    id,
    message,
    timestamp: isoTime(at),
    url: `${WEB}/${repository.name}/commit/${id}`,
    author: person,
    committer: person,
    distinct: true,
    added: [],
    removed: [],
    modified: [repository.files[message.length % repository.files.length]],
  }));
  const head = described.at(-1) ?? null;
  return {
    ref: `refs/heads/${branch}`,
    before: before ?? "0".repeat(40),
    after: head?.id ?? "0".repeat(40),
    created: before === null,
    deleted: false,
    forced: false,
    base_ref: null,
    compare: `${WEB}/${repository.name}/compare/${head?.id.slice(0, 12)}`,
    pusher: { name: author, email: person.email },
    commits: described,
    head_commit: head,
  };
}

export interface PullRequestState {
  number: number;
  title: string;
  branch: string;
  head: string;
  author: string;
  openedAt: number;
  updatedAt: number;
  closed: { at: number; mergeCommit: string | null } | null;
}

export function describePullRequest(repository: Repository, state: PullRequestState): Body {
  const { number, title, branch, head, author, openedAt, updatedAt, closed } = state;
  const isMerged = closed !== null && closed.mergeCommit !== null;
  return {
    id: stableId("pull request", repository.name, number),
    number,
    title,
    state: closed === null ? "open" : "closed",
    draft: false,
    locked: false,
    user: describeUser(author),
    body: null,
    html_url: `${WEB}/${repository.name}/pull/${number}`,
    created_at: isoTime(openedAt),
    updated_at: isoTime(updatedAt),
    closed_at: closed === null ? null : isoTime(closed.at),
    merged_at: isMerged ? isoTime(closed.at) : null,
    merged: isMerged,
    merge_commit_sha: closed?.mergeCommit ?? null,
    head: { ref: branch, sha: head, label: `${ownerOf(repository)}:${branch}` },
    base: { ref: repository.defaultBranch, label: `${ownerOf(repository)}:${repository.defaultBranch}` },
    commits: 1,
    labels: [],
    assignees: [],
    requested_reviewers: [],
  };
}

export function describeCheckRun(options: {
  repository: Repository;
  name: string;
  sha: string;
  branch: string;
  startedAt: number;
  completedAt: number | null;
  conclusion: string | null;
}): Body {
  const { repository, name, sha, branch, startedAt, completedAt, conclusion } = options;
  const id = stableId("check run", repository.name, name, sha);
  return {
    id,
    name,
    head_sha: sha,
    status: completedAt === null ? "in_progress" : "completed",
    conclusion,
    started_at: isoTime(startedAt),
    completed_at: completedAt === null ? null : isoTime(completedAt),
    html_url: `${WEB}/${repository.name}/runs/${id}`,
    check_suite: { id: stableId("check suite", repository.name, sha), head_branch: branch, head_sha: sha },
    app: { id: 15_368, slug: "github-actions", name: "GitHub Actions" },
    pull_requests: [],
  };
}

export function describeDeployment(options: {
  repository: Repository;
  sha: string;
  ref: string;
  environment: string;
  creator: string;
  at: number;
}): Body {
  const { repository, sha, ref, environment, creator, at } = options;
  return {
    id: stableId("deployment", repository.name, sha, environment),
    sha,
    ref,
    task: "deploy",
    environment,
    original_environment: environment,
    description: null,
    payload: {},
    creator: describeUser(creator),
    created_at: isoTime(at),
    updated_at: isoTime(at),
    production_environment: environment === "production",
  };
}

export function describeDeploymentStatus(options: {
  deployment: Body;
  state: string;
  creator: string;
  at: number;
  url: string | null;
}): Body {
  const { deployment, state, creator, at, url } = options;
  return {
    id: stableId("deployment status", String(deployment["id"]), state),
    state,
    creator: describeUser(creator),
    description: "",
    environment: deployment["environment"],
    environment_url: url ?? "",
    target_url: "",
    log_url: "",
    created_at: isoTime(at),
    updated_at: isoTime(at),
  };
}
