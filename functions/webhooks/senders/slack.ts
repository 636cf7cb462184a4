import type { Json, JsonObject } from "../../../shared/event-payload.ts";
import { type Delivery, type Sender, UNPARSEABLE, type VerifiedRequest } from "../delivery.ts";
import { hashOf, headerOf, isObject, objectOf, textOf } from "../read-value.ts";

/** Seconds with a fraction, as Slack names messages; those of examples with their values struck out are none. */
const MESSAGE_TIME = /^[1-9]\d{5,}\.\d{1,10}$/;

/**
 * https://docs.slack.dev/apis/events-api: an event keeps its event_id when it is sent again. The retry headers say only
 * that it is a retry, not whether the first try was stored, so nothing is dropped for them.
 */
function describe(request: VerifiedRequest): Delivery {
  const { payload } = request;
  if (!isObject(payload)) return UNPARSEABLE;
  if (request.isForm) return describeForm(request, payload);
  if (payload["type"] === "url_verification") {
    const challenge = textOf(payload["challenge"]);
    return challenge === null ? UNPARSEABLE : { kind: "challenge", answer: challenge };
  }
  const event = objectOf(payload["event"]);
  const type = payload["type"] === "event_callback" ? textOf(event["type"]) : textOf(payload["type"]);
  return {
    kind: "event",
    type: type ?? "unknown",
    action: textOf(event["subtype"]),
    key: textOf(payload["event_id"]) ?? `sha256:${request.bodySha256.toString("hex")}`,
    contentKey: contentKeyOf(payload, event),
  };
}

/**
 * Slash commands and interactions have no name of their own; each is signed with its time. Whatever they are answered, Slack
 * shows to the person who made them.
 */
function describeForm({ headers, bodySha256 }: VerifiedRequest, payload: JsonObject): Delivery {
  const command = textOf(payload["command"]);
  const timestamp = headerOf(headers, "x-slack-request-timestamp") ?? "";
  return {
    kind: "event",
    type: command === null ? "interaction" : "command",
    action: command ?? textOf(payload["type"]),
    key: `${timestamp}:sha256:${bodySha256.toString("hex")}`,
    contentKey: null,
    isAnswerShown: true,
  };
}

/**
 * Slack has sent one message several times under different event_ids. A message is told by its place and times; any other
 * event with a time by all it says. Without a time, the same words may well be said twice.
 */
function contentKeyOf(payload: JsonObject, event: JsonObject): Buffer | null {
  const eventTime = textOf(event["event_ts"]) ?? textOf(event["ts"]);
  if (eventTime === null || !MESSAGE_TIME.test(eventTime)) return null;
  const scope: (Json | undefined)[] = [payload["team_id"], payload["api_app_id"], event["type"]];
  if (event["type"] !== "message") return hashOf([...scope, event]);
  const changed = objectOf(event["message"]);
  return hashOf([
    ...scope,
    event["subtype"],
    event["channel"],
    event["user"],
    event["bot_id"],
    event["ts"],
    event["event_ts"],
    event["deleted_ts"],
    event["text"],
    changed["ts"],
    changed["text"],
    objectOf(changed["edited"])["ts"],
  ]);
}

export const slack: Sender = {
  describe,
  keptHeaders: ["user-agent", "x-slack-request-timestamp", "x-slack-retry-num", "x-slack-retry-reason"],
};
