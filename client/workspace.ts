import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Environment } from "./command.ts";
import type { ExecutionInput } from "../shared/agent/execution.ts";

export type Workspace = NonNullable<ExecutionInput["workspace"]>;

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 2_000;
const TEXT_MAX = 300;

/** Where a run happens: what git tells of the folder, completed by what a CI system tells of its job. */
export async function readWorkspace(cwd: string, env: Environment): Promise<Workspace> {
  const [remote, branch, commit] = await Promise.all([
    git(cwd, env, ["remote", "get-url", "origin"]),
    git(cwd, env, ["symbolic-ref", "--short", "-q", "HEAD"]),
    readCommit(cwd, env),
  ]);
  const ci = readCi(env);
  const place = remote === null ? null : parseRemote(remote);
  return compact({
    repository: place?.repository ?? ci.repository,
    repository_host: place?.host,
    branch: branch ?? ci.branch,
    commit: commit ?? ci.commit,
    pull_request: ci.pullRequest,
    ci: ci.name,
    ci_run: ci.run,
  });
}

/** The commit checked out in a folder; null outside of a repository. */
export async function readCommit(cwd: string, env: Environment): Promise<string | null> {
  return await git(cwd, env, ["rev-parse", "--verify", "-q", "HEAD"]);
}

/** The record with the commit its run ended on, where the run has changed it. */
export function withCommitAfter(execution: ExecutionInput, commit: string | null): ExecutionInput {
  if (commit === null || commit === execution.workspace?.commit) return execution;
  const workspace: Workspace = { ...execution.workspace };
  workspace["commit_after"] = commit.slice(0, 100);
  return { ...execution, workspace };
}

/**
 * Host and path of a remote address: `git@github.com:acme/widget.git` and `https://user:secret@github.com/acme/widget`
 * are both `acme/widget` on `github.com`. A folder has no host and gives only its last name. Never holds credentials.
 */
export function parseRemote(remote: string): { host: string | null; repository: string } | null {
  const text = remote.trim();
  let host: string | null = null;
  let path = text;
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/.exec(text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    if (!URL.canParse(text)) return null;
    const url = new URL(text);
    host = url.hostname === "" ? null : url.hostname;
    path = url.pathname;
  } else if (scp !== null && !/^[a-z]:[\\/]/i.test(text)) {
    host = scp[1] ?? null;
    path = scp[2] ?? "";
  }
  const parts = path.split(/[\\/]/).filter((part) => part !== "");
  const names = host === null ? parts.slice(-1) : parts;
  const repository = names
    .join("/")
    .replace(/\.git$/i, "")
    .slice(0, TEXT_MAX);
  return repository === "" ? null : { host, repository };
}

interface Ci {
  name?: string | undefined;
  repository?: string | undefined;
  branch?: string | undefined;
  commit?: string | undefined;
  pullRequest?: number | undefined;
  run?: string | undefined;
}

/** What the CI systems that say so in the environment know of the job. */
export function readCi(env: Environment): Ci {
  const get = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  if (get("GITHUB_ACTIONS") !== undefined) {
    return {
      name: "github-actions",
      repository: get("GITHUB_REPOSITORY"),
      branch: get("GITHUB_HEAD_REF") ?? /^refs\/heads\/(.+)$/.exec(get("GITHUB_REF") ?? "")?.[1],
      commit: get("GITHUB_SHA"),
      pullRequest: number(/^refs\/pull\/(\d+)\//.exec(get("GITHUB_REF") ?? "")?.[1]),
      run: get("GITHUB_RUN_ID"),
    };
  }
  if (get("GITLAB_CI") !== undefined) {
    return {
      name: "gitlab-ci",
      repository: get("CI_PROJECT_PATH"),
      branch: get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") ?? get("CI_COMMIT_BRANCH"),
      commit: get("CI_COMMIT_SHA"),
      pullRequest: number(get("CI_MERGE_REQUEST_IID")),
      run: get("CI_PIPELINE_ID"),
    };
  }
  if (get("CIRCLECI") !== undefined) {
    const owner = get("CIRCLE_PROJECT_USERNAME");
    const name = get("CIRCLE_PROJECT_REPONAME");
    return {
      name: "circleci",
      repository: owner === undefined || name === undefined ? undefined : `${owner}/${name}`,
      branch: get("CIRCLE_BRANCH"),
      commit: get("CIRCLE_SHA1"),
      pullRequest: number(/\/(\d+)$/.exec(get("CIRCLE_PULL_REQUEST") ?? "")?.[1]),
      run: get("CIRCLE_BUILD_NUM"),
    };
  }
  if (get("BUILDKITE") !== undefined) {
    return {
      name: "buildkite",
      repository: parseRemote(get("BUILDKITE_REPO") ?? "")?.repository,
      branch: get("BUILDKITE_BRANCH"),
      commit: get("BUILDKITE_COMMIT"),
      pullRequest: number(get("BUILDKITE_PULL_REQUEST")),
      run: get("BUILDKITE_BUILD_NUMBER"),
    };
  }
  return {};
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** The trimmed output, or null when git says no, is missing, or takes too long. */
async function git(cwd: string, env: Environment, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await run("git", args, {
      cwd,
      timeout: GIT_TIMEOUT_MS,
      killSignal: "SIGKILL",
      maxBuffer: 64 * 1024,
      env: { ...env, GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0" },
    });
    return stdout.trim() === "" ? null : stdout.trim();
  } catch {
    return null;
  }
}

function compact(fields: Record<string, string | number | null | undefined>): Workspace {
  const kept = Object.entries(fields).flatMap(([name, value]) => {
    if (value === undefined || value === null || value === "") return [];
    return [[name, typeof value === "string" ? value.slice(0, name === "commit" ? 100 : TEXT_MAX) : value]];
  });
  return Object.fromEntries(kept);
}
