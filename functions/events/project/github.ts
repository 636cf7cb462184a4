import type { Json } from "../../../shared/event-payload.ts";
import type { ProjectedRows } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { githubDeploymentRows } from "./github-deployment.ts";
import { githubEventRow } from "./github-event-row.ts";
import { githubItemRow } from "./github-items.ts";
import { githubNameRows } from "./github-names.ts";
import { githubPushRows } from "./github-push.ts";
import { githubRepositoryId, githubRepositoryRow } from "./github-repository.ts";
import { maskGithubSecrets } from "./github-secrets.ts";
import { githubTime } from "./github-subject.ts";
import { at, text } from "./read-json.ts";
import type { ProjectionResult } from "./result.ts";

const PREFIX = "github.";

/**
 * What an event of GitHub comes to: its own row always, the repository as it brings it, and what its kind tells besides.
 * The payload is in the result only when it differs from what came.
 */
export function projectGithub(event: ClaimedEvent, payload: Json): ProjectionResult {
  const kind = event.eventType.startsWith(PREFIX) ? event.eventType.slice(PREFIX.length) : event.eventType;
  const providerTime = githubTime(payload, kind);
  const masked = maskGithubSecrets(payload, kind);
  const repository = githubRepositoryRow(event, payload);
  const names = githubNameRows(event, payload, providerTime);
  return {
    providerTime,
    repository: text(at(payload, "repository", "full_name")),
    actor: text(at(payload, "sender", "login")),
    rows: {
      github_events: [githubEventRow(event, payload, kind, providerTime)],
      ...(repository === null ? {} : { repositories: [repository] }),
      ...(names.length === 0 ? {} : { repository_names: names }),
      ...effectsOf(event, payload, kind, repository !== null),
    },
    ...(masked === payload ? {} : { payload: masked, payloadText: JSON.stringify(masked) }),
  };
}

function effectsOf(
  event: ClaimedEvent,
  payload: Json,
  kind: string,
  hasRepositoryRow: boolean,
): ProjectedRows {
  if (kind === "deployment" || kind === "deployment_status") return githubDeploymentRows(event, payload);
  if (kind === "push") {
    const repositoryId = githubRepositoryId(event, payload);
    // Branches and commits refer to the repository's row, so they come with it or not at all.
    return repositoryId === null || !hasRepositoryRow ? {} : githubPushRows(event, payload, repositoryId);
  }
  const item = githubItemRow(event, payload, kind);
  return item === null ? {} : { tracked_items: [item] };
}
