import type { Json } from "../../../shared/event-payload.ts";
import type { ClaimedEvent } from "../projection.ts";
import {
  type Deployment,
  deploymentEventRows,
  deploymentRows,
  type DeploymentState,
  isEnd,
} from "./deployment.ts";
import { at, text, time } from "./read-json.ts";
import type { ProjectionResult } from "./result.ts";

/** What Cloud Deploy's actions say of a rollout, in lower case. */
const STATES = new Map<string, DeploymentState>([
  ["create", "queued"],
  ["start", "in_progress"],
  ["succeed", "success"],
  ["success", "success"],
  ["failure", "failure"],
  ["cancelled", "cancelled"],
  ["terminated", "cancelled"],
]);

/**
 * What a message of Cloud Deploy comes to; its attributes say everything. Rollouts are deployments; releases, approvals and
 * the rest have a row of their own and change nothing.
 */
export function projectCloudDeploy(event: ClaimedEvent, payload: Json): ProjectionResult {
  const attribute = (name: string): string | null => text(at(payload, "attributes", name));
  const providerTime = time(at(payload, "publish_time"));
  const result = { providerTime, repository: null, actor: null };
  const parts = ["DeliveryPipelineId", "ReleaseId", "RolloutId"].map(attribute);
  const named = parts.filter((part) => part !== null).join("/");
  const id = named === "" ? attribute("Resource") : named;
  if (id === null) return { ...result, rows: {} };

  const action = attribute("Action");
  const isRollout = attribute("ResourceType") === "Rollout" && !parts.includes(null);
  const state = (isRollout ? STATES.get((action ?? "").toLowerCase()) : undefined) ?? "unknown";
  const deployment: Deployment = {
    provider: "cloud-deploy",
    id,
    state,
    providerState: action,
    time: providerTime,
    environment: attribute("TargetId"),
    project: attribute("DeliveryPipelineId"),
    repositoryId: null,
    repository: null,
    sha: null,
    ref: attribute("ReleaseId"),
    actor: null,
    description: null,
    url: null,
    logUrl: null,
    startedAt: state === "in_progress" ? providerTime : null,
    finishedAt: isEnd(state) ? providerTime : null,
  };
  const rows =
    state === "unknown" ? deploymentEventRows(event, deployment) : deploymentRows(event, deployment);
  return { ...result, rows };
}
