import { type Json, readEventPayload } from "../../shared/event-payload.ts";
import { cleanJson, isHoldableText } from "./clean-json.ts";
import { projectCloudBuild } from "./project/cloud-build.ts";
import { projectCloudDeploy } from "./project/cloud-deploy.ts";
import { projectGithub } from "./project/github.ts";
import { projectLinear } from "./project/linear.ts";
import { projectPlain } from "./project/plain.ts";
import { projectSlack } from "./project/slack.ts";
import { projectVercel } from "./project/vercel.ts";
import type { ClaimedEvent, Projection } from "./projection.ts";
import { UnreadableBody } from "./unreadable-body.ts";

export interface ProjectedEvent extends Projection {
  /** The payload as JSON text that PostgreSQL can hold, or null when the body is that already. */
  payloadText: string | null;
}

/** What an event comes to. Throws UnreadableBody, or what a projection throws for data no one could use. */
export function projectEvent(event: ClaimedEvent): ProjectedEvent {
  const { body } = event;
  if (body === null) throw new UnreadableBody();
  const read = readPayload(event, body);
  if (read === undefined) throw new UnreadableBody();
  const isBody = isPlainJson(event, body) && isHoldableText(body);
  const payload = isBody ? read : cleanJson(read);
  return {
    payload,
    payloadText: isBody ? null : JSON.stringify(payload),
    ...project(event, payload),
  };
}

function readPayload(event: ClaimedEvent, body: string): Json | undefined {
  try {
    return readEventPayload(event.source, event.contentType, body);
  } catch (cause) {
    throw new UnreadableBody({ cause });
  }
}

/** Whether the payload is the body: no form, no push, and no byte order mark before it. */
function isPlainJson({ source, contentType }: ClaimedEvent, body: string): boolean {
  return (
    source !== "cloud-build" &&
    source !== "cloud-deploy" &&
    !/^application\/x-www-form-urlencoded\b/i.test(contentType) &&
    !body.startsWith("\uFEFF")
  );
}

function project(event: ClaimedEvent, payload: Json): Omit<Projection, "payload"> {
  switch (event.source) {
    case "github":
      return projectGithub(event, payload);
    case "slack":
      return projectSlack(event, payload);
    case "linear":
      return projectLinear(event, payload);
    case "vercel":
      return projectVercel(event, payload);
    case "cloud-build":
      return projectCloudBuild(event, payload);
    case "cloud-deploy":
      return projectCloudDeploy(event, payload);
    case "standard":
    case "signed":
      return projectPlain(event);
    default:
      return event.source satisfies never;
  }
}
