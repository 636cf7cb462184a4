import type { ProjectedRows, Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { isoTime } from "./read-json.ts";

/** What providers' own states come to. An end outranks what leads to it, whichever is told later. */
const DEPLOYMENT_RANKS = {
  unknown: 0,
  queued: 1,
  in_progress: 2,
  success: 3,
  failure: 3,
  cancelled: 3,
  inactive: 3,
} as const;

export type DeploymentState = keyof typeof DEPLOYMENT_RANKS;

export interface Deployment {
  provider: "github" | "vercel" | "cloud-build" | "cloud-deploy";
  id: string;
  state: DeploymentState;
  providerState: string | null;
  /** Milliseconds since 1970; null when the event does not say. */
  time: number | null;
  /** In place of its state's. */
  rank?: number;
  environment: string | null;
  project: string | null;
  repositoryId: string | null;
  repository: string | null;
  sha: string | null;
  ref: string | null;
  actor: string | null;
  description: string | null;
  url: string | null;
  logUrl: string | null;
  startedAt: number | null;
  finishedAt: number | null;
}

/** The row of the event itself. */
export function deploymentEventRows(event: ClaimedEvent, deployment: Deployment): ProjectedRows {
  return {
    deployment_events: [
      {
        event_id: event.id,
        received_at: isoTime(event.receivedAt),
        provider: deployment.provider,
        deployment_id: deployment.id,
        provider_time: isoTime(deployment.time),
        ...sharedColumns(deployment),
      },
    ],
  };
}

/** The row of the event and what it makes of the deployment. */
export function deploymentRows(event: ClaimedEvent, deployment: Deployment): ProjectedRows {
  const record = {
    provider: deployment.provider,
    external_id: deployment.id,
    ...sharedColumns(deployment),
    repository_id: deployment.repositoryId,
    description: deployment.description,
    started_at: isoTime(deployment.startedAt),
    finished_at: isoTime(deployment.finishedAt),
    event_id: event.id,
    version_rank: deployment.rank ?? DEPLOYMENT_RANKS[deployment.state],
    // Without a time the rank alone decides, and any time comes after none.
    version_time: new Date(deployment.time ?? 0).toISOString(),
    version_key: event.deliveryKey,
  };
  return { ...deploymentEventRows(event, deployment), deployment_records: [record] };
}

/** Whether nothing follows on a state, and its time is the end. */
export function isEnd(state: DeploymentState): boolean {
  return state === "success" || state === "failure" || state === "cancelled";
}

function sharedColumns(deployment: Deployment): Row {
  return {
    state: deployment.state,
    provider_state: deployment.providerState,
    environment: deployment.environment,
    project: deployment.project,
    repository: deployment.repository,
    sha: deployment.sha,
    ref: deployment.ref,
    actor: deployment.actor,
    url: deployment.url,
    log_url: deployment.logUrl,
  };
}
