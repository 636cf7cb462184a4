import type { Json } from "../../../shared/event-payload.ts";
import type { Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { entityIdOf } from "./github-repository.ts";
import { at, isoTime, text } from "./read-json.ts";

/**
 * The names an event mentions repositories by: its own, and the one a pull request comes from. Executions are told apart by
 * name, and a name may pass from one repository to another, so each has the moment it was first heard of. By the sender's
 * clock: an event without a time tells no name.
 */
export function githubNameRows(event: ClaimedEvent, payload: Json, providerTime: number | null): Row[] {
  const mentioned = [at(payload, "repository"), at(payload, "pull_request", "head", "repo")];
  return mentioned.flatMap((repository) => {
    const repositoryId = entityIdOf(event, at(repository, "id"));
    const name = text(at(repository, "full_name"));
    if (repositoryId === null || name === null || providerTime === null) return [];
    return [{ name: name.toLowerCase(), repository_id: repositoryId, first_seen: isoTime(providerTime) }];
  });
}
