import type { Json } from "../../../shared/event-payload.ts";
import type { Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent, Projection } from "../projection.ts";
import { at, firstText, firstTime, isoTime, list } from "./read-json.ts";

const PREFIX = "slack.";

/**
 * A row of slack_events from what Slack sends: an event in its envelope, a command as form fields, or an interaction. A
 * shape that is not known leaves columns empty; the payload has everything.
 */
export function projectSlack(event: ClaimedEvent, payload: Json): Omit<Projection, "payload"> {
  const inner = at(payload, "event");
  const isEvent = inner !== null;
  const what = isEvent ? inner : payload;
  const columns = isEvent ? eventColumns(what) : requestColumns(what);
  const providerTime = momentOf(event, payload, what);
  const row: Row = {
    event_id: event.id,
    received_at: isoTime(event.receivedAt),
    provider_time: isoTime(providerTime),
    event: event.eventType.startsWith(PREFIX) ? event.eventType.slice(PREFIX.length) : event.eventType,
    subtype: event.action,
    slack_event_id: firstText(at(payload, "event_id")),
    team_id: firstText(at(payload, "team_id"), at(payload, "team", "id"), at(what, "team")),
    api_app_id: firstText(at(payload, "api_app_id")),
    ...columns,
  };
  return {
    providerTime,
    repository: null,
    actor: firstText(columns["user_id"], columns["bot_id"]),
    rows: { slack_events: [row] },
  };
}

/** Messages with their edits and deletions, reactions, membership, files and the rest of the Events API. */
function eventColumns(event: Json): Row {
  // An edit carries the message as it is now, a deletion only as it was.
  const message = at(event, "message");
  const previous = at(event, "previous_message");
  const item = at(event, "item");
  return {
    channel_id: firstText(
      at(event, "channel"),
      at(event, "channel", "id"),
      at(event, "channel_id"),
      at(event, "new_channel_id"),
      at(item, "channel"),
      list(at(event, "channel_ids"))[0],
    ),
    user_id: firstText(
      at(event, "user"),
      at(event, "user", "id"),
      at(event, "user_id"),
      at(event, "actor_id"),
      at(message, "user"),
      at(previous, "user"),
    ),
    bot_id: firstText(at(event, "bot_id"), at(message, "bot_id"), at(previous, "bot_id")),
    text: firstText(at(event, "text"), at(message, "text")),
    reaction: firstText(at(event, "reaction")),
    ts: firstText(at(event, "ts"), at(event, "event_ts")),
    thread_ts: firstText(at(event, "thread_ts"), at(message, "thread_ts"), at(previous, "thread_ts")),
    item_channel_id: firstText(
      at(item, "channel"),
      ...(message === null && previous === null ? [] : [at(event, "channel")]),
    ),
    item_ts: firstText(
      at(item, "ts"),
      at(item, "message", "ts"),
      at(message, "ts"),
      at(event, "deleted_ts"),
      at(previous, "ts"),
      at(event, "message_ts"),
    ),
  };
}

/** Commands, whose fields are flat, interactions, whose are nested, and notices about the app itself. */
function requestColumns(request: Json): Row {
  const message = at(request, "message");
  return {
    channel_id: firstText(
      at(request, "channel_id"),
      at(request, "channel", "id"),
      at(request, "container", "channel_id"),
    ),
    user_id: firstText(at(request, "user_id"), at(request, "user", "id"), at(request, "user")),
    bot_id: firstText(at(message, "bot_id")),
    text: firstText(at(request, "text"), at(message, "text")),
    reaction: null,
    ts: firstText(at(request, "action_ts"), actionTime(request), at(request, "message_ts")),
    thread_ts: firstText(at(message, "thread_ts"), at(request, "container", "thread_ts")),
    item_channel_id: firstText(at(request, "container", "channel_id"), at(request, "channel", "id")),
    item_ts: firstText(at(message, "ts"), at(request, "container", "message_ts"), at(request, "message_ts")),
  };
}

function actionTime(request: Json): Json {
  return at(list(at(request, "actions"))[0], "action_ts");
}

/** `event_ts` says it to the microsecond, `event_time` to the second; a command has only the time of its signature. */
function momentOf(event: ClaimedEvent, payload: Json, what: Json): number | null {
  return firstTime(
    at(what, "event_ts"),
    at(payload, "event_time"),
    at(payload, "action_ts"),
    actionTime(payload),
    at(payload, "minute_rate_limited"),
    event.headers["x-slack-request-timestamp"],
  );
}
