import type { Json } from "../../../shared/event-payload.ts";
import type { ClaimedEvent } from "../projection.ts";
import { deploymentRows, type DeploymentState, isEnd } from "./deployment.ts";
import { at, firstText, firstTime, text, time } from "./read-json.ts";
import type { ProjectionResult } from "./result.ts";

const STATES = new Map<string, DeploymentState>([
  ["PENDING", "queued"],
  ["QUEUED", "queued"],
  ["WORKING", "in_progress"],
  ["SUCCESS", "success"],
  ["FAILURE", "failure"],
  ["INTERNAL_ERROR", "failure"],
  ["TIMEOUT", "failure"],
  ["EXPIRED", "failure"],
  ["CANCELLED", "cancelled"],
]);

/** What a build of Cloud Build comes to. A message may have no data: its attributes then say which build and its status. */
export function projectCloudBuild(event: ClaimedEvent, payload: Json): ProjectionResult {
  const build = at(payload, "data");
  const repository = repositoryOf(build);
  const providerTime = firstTime(
    at(build, "finishTime"),
    at(build, "startTime"),
    at(build, "createTime"),
    at(payload, "publish_time"),
  );
  const result = { providerTime, repository, actor: null };
  const id = firstText(at(build, "id"), at(payload, "attributes", "buildId"));
  if (id === null) return { ...result, rows: {} };

  const status = firstText(at(build, "status"), at(payload, "attributes", "status"));
  const state = STATES.get(status ?? "") ?? "unknown";
  const substitution = (name: string): Json => at(build, "substitutions", name);
  return {
    ...result,
    rows: deploymentRows(event, {
      provider: "cloud-build",
      id,
      state,
      providerState: status,
      time: providerTime,
      environment: firstText(substitution("_ENVIRONMENT"), substitution("_ENV")),
      project: text(at(build, "projectId")),
      repositoryId: null,
      repository,
      sha: firstText(
        substitution("COMMIT_SHA"),
        substitution("REVISION_ID"),
        at(build, "sourceProvenance", "resolvedRepoSource", "commitSha"),
        at(build, "sourceProvenance", "resolvedGitSource", "revision"),
        at(build, "source", "repoSource", "commitSha"),
      ),
      ref: firstText(
        substitution("BRANCH_NAME"),
        substitution("TAG_NAME"),
        at(build, "source", "repoSource", "branchName"),
        at(build, "source", "repoSource", "tagName"),
        at(build, "source", "gitSource", "revision"),
      ),
      actor: null,
      description: firstText(at(build, "statusDetail"), substitution("TRIGGER_NAME")),
      url: null,
      logUrl: text(at(build, "logUrl")),
      startedAt: time(at(build, "startTime")),
      finishedAt: isEnd(state) ? firstTime(at(build, "finishTime"), at(payload, "publish_time")) : null,
    }),
  };
}

/** `owner/name` where the build knows it, else the name alone. */
function repositoryOf(build: Json): string | null {
  const address = firstText(
    at(build, "source", "gitSource", "url"),
    at(build, "sourceProvenance", "resolvedGitSource", "url"),
  );
  return firstText(
    at(build, "substitutions", "REPO_FULL_NAME"),
    /[/:]([^/:]+\/[^/]+?)(?:\.git)?\/?$/.exec(address?.slice(0, 500) ?? "")?.[1],
    at(build, "substitutions", "REPO_NAME"),
    at(build, "source", "repoSource", "repoName"),
  );
}
