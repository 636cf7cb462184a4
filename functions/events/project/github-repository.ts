import type { Json } from "../../../shared/event-payload.ts";
import type { Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { entityId } from "./entity-id.ts";
import { at, firstText, flag, idText, isoTime, latestTime, text, time } from "./read-json.ts";

/** Of one moment, what tells of the repository itself outranks what only mentions it, and its end outranks both. */
const RANKS = { mentioned: 0, changed: 1, deleted: 2 };

/** The id of the repository an event is about, by GitHub's id of it; null when the event names none. */
export function githubRepositoryId(event: ClaimedEvent, payload: Json): string | null {
  return entityIdOf(event, at(payload, "repository", "id"));
}

/** The id of the repository that GitHub knows by the given one; null where there is none. */
export function entityIdOf(event: ClaimedEvent, id: Json): string | null {
  const externalId = idText(id);
  return externalId === null ? null : entityId(event.organizationId, "github", externalId);
}

/**
 * The repository as an event of any kind brings it, or null when the event does not say which it is or when it was last
 * changed: by the time of arrival the order of events would decide. A push changes `pushed_at` alone, all else `updated_at`.
 */
export function githubRepositoryRow(event: ClaimedEvent, payload: Json): Row | null {
  const repository = at(payload, "repository");
  const id = githubRepositoryId(event, payload);
  const fullName = text(at(repository, "full_name"));
  const changedAt = isoTime(latestTime(at(repository, "updated_at"), at(repository, "pushed_at")));
  if (id === null || fullName === null || changedAt === null) return null;
  const [owner = "", name = ""] = fullName.split("/", 2);
  const rank = rankOf(event);
  return {
    id,
    provider: "github",
    external_id: idText(at(repository, "id")),
    full_name: fullName,
    owner: firstText(at(repository, "owner", "login"), at(repository, "owner", "name")) ?? owner,
    name: text(at(repository, "name")) ?? name,
    default_branch: text(at(repository, "default_branch")),
    description: text(at(repository, "description")),
    language: text(at(repository, "language")),
    url: text(at(repository, "html_url")),
    is_private: flag(at(repository, "private")),
    is_fork: flag(at(repository, "fork")),
    is_archived: flag(at(repository, "archived")),
    pushed_at: isoTime(time(at(repository, "pushed_at"))),
    // GitHub does not say when; its last change is the same in every order of events.
    deleted_at: rank === RANKS.deleted ? changedAt : null,
    version_time: changedAt,
    version_rank: rank,
    version_key: event.deliveryKey,
  };
}

function rankOf(event: ClaimedEvent): number {
  if (event.eventType !== "github.repository") return RANKS.mentioned;
  return event.action === "deleted" ? RANKS.deleted : RANKS.changed;
}
