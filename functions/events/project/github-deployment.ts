import type { Json } from "../../../shared/event-payload.ts";
import type { ProjectedRows } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { type DeploymentState, deploymentRows, isEnd } from "./deployment.ts";
import { githubRepositoryId } from "./github-repository.ts";
import { at, firstText, firstTime, idText, text, time } from "./read-json.ts";

const STATES = new Map<string, DeploymentState>([
  ["queued", "queued"],
  ["pending", "queued"],
  ["waiting", "queued"],
  ["in_progress", "in_progress"],
  ["success", "success"],
  ["failure", "failure"],
  ["error", "failure"],
  ["inactive", "inactive"],
]);

/** A deployment as GitHub's `deployment` announces it and `deployment_status` follows it. */
export function githubDeploymentRows(event: ClaimedEvent, payload: Json): ProjectedRows {
  const deployment = at(payload, "deployment");
  const status = at(payload, "deployment_status");
  const id = idText(at(deployment, "id"));
  if (id === null) return {};
  const isAnnouncement = status === null;
  const providerState = isAnnouncement ? event.action : text(at(status, "state"));
  const state = isAnnouncement ? "queued" : (STATES.get(providerState ?? "") ?? "unknown");
  const told = isAnnouncement ? deployment : status;
  const toldAt = firstTime(at(told, "created_at"), at(told, "updated_at"));
  return deploymentRows(event, {
    provider: "github",
    id,
    state,
    providerState,
    time: toldAt,
    // Any status says more than the announcement.
    ...(isAnnouncement ? { rank: 0 } : {}),
    environment: firstText(at(status, "environment"), at(deployment, "environment")),
    project: null,
    repositoryId: githubRepositoryId(event, payload),
    repository: text(at(payload, "repository", "full_name")),
    sha: text(at(deployment, "sha")),
    ref: text(at(deployment, "ref")),
    actor: firstText(at(deployment, "creator", "login"), at(payload, "sender", "login")),
    description: firstText(at(status, "description"), at(deployment, "description")),
    url: firstText(at(status, "environment_url"), at(status, "target_url")),
    logUrl: text(at(status, "log_url")),
    startedAt: time(at(deployment, "created_at")),
    finishedAt: isEnd(state) ? toldAt : null,
  });
}
