import { AppError } from "../../shared/errors.ts";
import type { Json } from "../../shared/event-payload.ts";
import { cleanJsonText } from "./clean-json.ts";
import { payloadTextOf } from "./payload-text.ts";
import { projectCloudBuild } from "./project/cloud-build.ts";
import { projectCloudDeploy } from "./project/cloud-deploy.ts";
import { projectGithub } from "./project/github.ts";
import { projectLinear } from "./project/linear.ts";
import { projectPlain } from "./project/plain.ts";
import { projectSlack } from "./project/slack.ts";
import { projectVercel } from "./project/vercel.ts";
import type { ClaimedEvent, Projection } from "./projection.ts";
import { UnreadableBody } from "./unreadable-body.ts";

/** What is kept of an event to write it down. Not its payload as a value, which is many times larger than its text. */
export interface ProjectedEvent extends Omit<Projection, "payload"> {
  /** The payload as JSON text that PostgreSQL can hold, or null when the body is that already. */
  payloadText: string | null;
}

/**
 * What an event comes to. Throws UnreadableBody, TooComplexBody, or what a projection throws for data no one could use.
 */
export function projectEvent(event: ClaimedEvent): ProjectedEvent {
  const { text, payload } = readPayload(event);
  const { payload: _, ...projected } = { payload, ...project(event, payload) };
  return { payloadText: text === event.body ? null : text, ...projected };
}

interface Payload {
  text: string;
  payload: Json;
}

function readPayload(event: ClaimedEvent): Payload {
  try {
    const found = event.body === null ? undefined : payloadTextOf(event, event.body);
    if (found === undefined) throw new UnreadableBody();
    const text = cleanJsonText(found);
    return { text, payload: JSON.parse(text) };
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof AppError || cause instanceof UnreadableBody) {
      if (MAY_SEND_ANYTHING.has(event.source)) return plainPayload(event.body);
      throw cause instanceof UnreadableBody ? cause : new UnreadableBody({ cause });
    }
    throw cause;
  }
}

/** Their senders are anybody's: what is no JSON is text, and what is no text is in the body alone. */
const MAY_SEND_ANYTHING = new Set<ClaimedEvent["source"]>(["standard", "signed"]);

function plainPayload(body: string | null): Payload {
  return { text: JSON.stringify(body), payload: body };
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
    case "netra":
      return projectPlain(event);
    default:
      return event.source satisfies never;
  }
}
