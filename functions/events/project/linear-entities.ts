import type { Json } from "../../../shared/event-payload.ts";
import type { ProjectedRows, Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { entityId } from "./entity-id.ts";
import { identifierOf, titleOf } from "./linear-title.ts";
import { at, firstText, firstTime, integer, isoTime, list, text } from "./read-json.ts";

interface Change {
  type: string;
  action: string;
  payload: Json;
  actorName: string | null;
}

const ACTIONS = new Set(["create", "update", "remove", "restore"]);
const REMOVED_RANK = 1;

/** The state of what an event tells about, or nothing where that is none we keep the state of. */
export function projectLinearEntity(event: ClaimedEvent, change: Change): ProjectedRows {
  const data = at(change.payload, "data");
  const externalId = text(at(data, "id"));
  const version = versionOf(event, change, data);
  if (externalId === null || version === null || !ACTIONS.has(change.action)) return {};
  const deletedAt = change.action === "remove" ? removedAt(change.payload, data) : null;
  const common = {
    external_id: externalId,
    url: firstText(at(change.payload, "url"), at(data, "url")),
    deleted_at: isoTime(deletedAt),
    ...version,
  };
  if (change.type === "Project") {
    const id = entityId(event.organizationId, "linear", externalId);
    return { projects: [{ id, source: "linear", ...common, ...projectColumns(data) }] };
  }
  const item = itemColumns(change.type, data);
  return item === null
    ? {}
    : { tracked_items: [{ source: "linear", event_id: event.id, ...common, ...item }] };
}

/** A removal comes with the time of the last change, so at the same time it is the newer one. */
function versionOf(event: ClaimedEvent, { action, payload }: Change, data: Json): Row | null {
  const time = firstTime(
    at(data, "updatedAt"),
    at(payload, "createdAt"),
    at(payload, "webhookTimestamp"),
    at(data, "createdAt"),
  );
  if (time === null) return null;
  return {
    version_time: isoTime(time),
    version_rank: action === "remove" ? REMOVED_RANK : 0,
    version_key: event.deliveryKey,
  };
}

function removedAt(payload: Json, data: Json): number | null {
  return firstTime(
    at(data, "archivedAt"),
    at(payload, "createdAt"),
    at(payload, "webhookTimestamp"),
    at(data, "updatedAt"),
  );
}

function itemColumns(type: string, data: Json): Row | null {
  switch (type) {
    case "Issue":
      return {
        kind: "issue",
        number: integer(at(data, "number")),
        identifier: identifierOf(data),
        title: titleOf(data),
        state: text(at(data, "state", "name")),
        conclusion: text(at(data, "state", "type")),
        severity: text(at(data, "priorityLabel")),
        author: firstText(at(data, "creator", "name"), at(data, "creatorId")),
        assignee: firstText(at(data, "assignee", "name"), at(data, "assigneeId")),
        branch: text(at(data, "branchName")),
        parent_id: firstText(at(data, "parentId"), at(data, "parent", "id")),
        ...times(data, ["createdAt"], ["completedAt", "canceledAt"]),
      };
    case "Comment":
      return {
        kind: "comment",
        title: titleOf(data),
        author: firstText(at(data, "user", "name"), at(data, "userId")),
        parent_id: firstText(at(data, "issueId"), at(data, "issue", "id"), at(data, "projectUpdateId")),
        ...times(data, ["createdAt"], ["resolvedAt"]),
      };
    case "Cycle":
      return {
        kind: "cycle",
        number: integer(at(data, "number")),
        title: titleOf(data),
        parent_id: firstText(at(data, "teamId"), at(data, "team", "id")),
        ...times(data, ["startsAt", "createdAt"], ["completedAt"]),
      };
    default:
      return null;
  }
}

function times(data: Json, opened: readonly string[], closed: readonly string[]): Row {
  return {
    opened_at: isoTime(firstTime(...opened.map((name) => at(data, name)))),
    closed_at: isoTime(firstTime(...closed.map((name) => at(data, name)))),
  };
}

const STATUSES = new Map([
  ["backlog", "planning"],
  ["planned", "planning"],
  ["started", "active"],
  ["paused", "paused"],
  ["completed", "completed"],
  ["canceled", "cancelled"],
]);

function projectColumns(data: Json): Row {
  const state = firstText(at(data, "status", "type"), at(data, "state"));
  return {
    name: firstText(at(data, "name"), at(data, "slugId"), at(data, "id")),
    description: text(at(data, "description")),
    status: STATUSES.get(state ?? "") ?? "planning",
    priority: integer(at(data, "priority")),
    lead: firstText(at(data, "lead", "name"), at(data, "leadId")),
    start_date: text(at(data, "startDate")),
    target_date: text(at(data, "targetDate")),
    completed_at: isoTime(firstTime(at(data, "completedAt"))),
    metadata: {
      state,
      status: text(at(data, "status", "name")),
      health: text(at(data, "health")),
      team_ids: list(at(data, "teamIds")).slice(0, 50),
    },
  };
}
