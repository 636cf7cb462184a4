import type { Json } from "../../../shared/event-payload.ts";
import type { ClaimedEvent } from "../projection.ts";
import {
  type Deployment,
  deploymentEventRows,
  deploymentRows,
  type DeploymentState,
  isEnd,
} from "./deployment.ts";
import { entityId } from "./entity-id.ts";
import { at, firstText, idText, isObject, text, time } from "./read-json.ts";
import type { ProjectionResult } from "./result.ts";

const STATES = new Map<string, DeploymentState>([
  ["vercel.deployment.created", "in_progress"],
  ["vercel.deployment.succeeded", "success"],
  ["vercel.deployment.ready", "success"],
  ["vercel.deployment.promoted", "success"],
  ["vercel.deployment.error", "failure"],
  ["vercel.deployment.canceled", "cancelled"],
]);
const GIT_PROVIDERS = ["github", "gitlab", "bitbucket"] as const;

/**
 * What an event of Vercel comes to: a deployment where it is about one. Events that tell no state of it (checks, clean-up)
 * have a row of their own and change nothing.
 */
export function projectVercel(event: ClaimedEvent, payload: Json): ProjectionResult {
  const inner = at(payload, "payload");
  // Bodies of old hooks have the members at the top.
  const body = isObject(inner) ? inner : payload;
  const providerTime = time(at(payload, "createdAt"));
  const git = gitOf(event, at(body, "deployment", "meta"));
  const actor = git.actor ?? firstText(at(body, "user", "username"), at(body, "user", "id"));
  const result = { providerTime, repository: git.repository, actor };
  const id = text(at(body, "deployment", "id"));
  if (id === null) return { ...result, rows: {} };

  const state = STATES.get(event.eventType) ?? "unknown";
  const toldStart = time(at(body, "deployment", "createdAt"));
  const deployment: Deployment = {
    provider: "vercel",
    id,
    state,
    providerState: event.eventType.replace(/^vercel\.(deployment\.)?/, ""),
    time: providerTime,
    // Vercel names an environment only where it is not a preview.
    environment: text(at(body, "target")) ?? "preview",
    project: firstText(
      at(body, "project", "name"),
      at(body, "deployment", "name"),
      at(body, "name"),
      at(body, "project", "id"),
    ),
    ...git,
    actor,
    description: null,
    url: addressOf(firstText(at(body, "deployment", "url"), at(body, "url"))),
    logUrl: firstText(at(body, "links", "deployment"), at(body, "deployment", "inspectorUrl")),
    startedAt: toldStart ?? (state === "in_progress" ? providerTime : null),
    finishedAt: isEnd(state) ? providerTime : null,
  };
  const rows =
    state === "unknown" ? deploymentEventRows(event, deployment) : deploymentRows(event, deployment);
  return { ...result, rows };
}

type Git = Pick<Deployment, "repository" | "repositoryId" | "sha" | "ref" | "actor">;

/** Where the code came from, which Vercel notes by the names of the provider that has it. */
function gitOf(event: ClaimedEvent, meta: Json): Git {
  const provider = GIT_PROVIDERS.find((name) => text(at(meta, `${name}CommitSha`)) !== null) ?? "github";
  const owner = firstText(
    at(meta, `${provider}Org`),
    at(meta, `${provider}CommitOrg`),
    at(meta, `${provider}Owner`),
  );
  const name = firstText(
    at(meta, `${provider}Repo`),
    at(meta, `${provider}CommitRepo`),
    at(meta, `${provider}Slug`),
  );
  const repositoryId = provider === "github" ? idText(at(meta, "githubRepoId")) : null;
  return {
    repository:
      owner === null || name === null ? text(at(meta, `${provider}ProjectPath`)) : `${owner}/${name}`,
    repositoryId: repositoryId === null ? null : entityId(event.organizationId, "github", repositoryId),
    sha: text(at(meta, `${provider}CommitSha`)),
    ref: text(at(meta, `${provider}CommitRef`)),
    actor: text(at(meta, `${provider}CommitAuthorLogin`)),
  };
}

function addressOf(host: string | null): string | null {
  return host === null || host.includes("://") ? host : `https://${host}`;
}
