import type { Json } from "../../../shared/event-payload.ts";
import type { ProjectedRows, Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent, Projection } from "../projection.ts";
import { projectLinearEntity } from "./linear-entities.ts";
import { identifierOf, titleOf } from "./linear-title.ts";
import { at, firstText, firstTime, integer, isoTime, text } from "./read-json.ts";

const PREFIX = "linear.";
const NO_ACTION = "unknown";

/**
 * A row of linear_events, and for issues, comments, cycles and projects the state they are in. Types and actions that are
 * not known make a row of linear_events alone.
 */
export function projectLinear(event: ClaimedEvent, payload: Json): Omit<Projection, "payload"> {
  const type = event.eventType.startsWith(PREFIX) ? event.eventType.slice(PREFIX.length) : event.eventType;
  const action = event.action ?? firstText(at(payload, "action")) ?? NO_ACTION;
  const providerTime = firstTime(at(payload, "createdAt"), at(payload, "webhookTimestamp"));
  const actorName = actorOf(payload);
  const row: Row = {
    event_id: event.id,
    received_at: isoTime(event.receivedAt),
    provider_time: isoTime(providerTime),
    type,
    action,
    delivery_id: firstText(event.headers["linear-delivery"], event.deliveryKey),
    linear_organization_id: text(at(payload, "organizationId")),
    webhook_id: text(at(payload, "webhookId")),
    actor_id: firstText(
      at(payload, "actor", "id"),
      at(payload, "data", "userId"),
      at(payload, "data", "creatorId"),
    ),
    actor_name: actorName,
    url: firstText(at(payload, "url"), at(payload, "data", "url")),
    ...dataColumns(type, at(payload, "data")),
  };
  const rows: ProjectedRows = {
    linear_events: [row],
    ...projectLinearEntity(event, { type, action, payload, actorName }),
  };
  return { providerTime, repository: null, actor: actorName, rows };
}

/** Who did it: newer bodies say so, older ones have the comment's author alone. */
function actorOf(payload: Json): string | null {
  return firstText(
    at(payload, "actor", "name"),
    at(payload, "data", "user", "name"),
    at(payload, "actor", "id"),
    at(payload, "data", "userId"),
    at(payload, "data", "creatorId"),
  );
}

function dataColumns(type: string, data: Json): Row {
  const id = text(at(data, "id"));
  return {
    entity_id: id,
    identifier: identifierOf(data),
    title: titleOf(data),
    state: firstText(at(data, "state", "name"), at(data, "status", "name"), at(data, "state")),
    state_type: firstText(at(data, "state", "type"), at(data, "status", "type")),
    priority: integer(at(data, "priority")),
    team_id: firstText(at(data, "teamId"), at(data, "team", "id"), at(data, "issue", "teamId")),
    team_key: firstText(at(data, "team", "key"), at(data, "issue", "team", "key")),
    project_id: type === "Project" ? id : firstText(at(data, "projectId"), at(data, "project", "id")),
    cycle_id: type === "Cycle" ? id : firstText(at(data, "cycleId"), at(data, "cycle", "id")),
    issue_id:
      type === "Issue"
        ? id
        : firstText(at(data, "issueId"), at(data, "issue", "id"), at(data, "comment", "issueId")),
    assignee_id: firstText(at(data, "assigneeId"), at(data, "assignee", "id")),
  };
}
