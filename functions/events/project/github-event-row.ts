import type { Json } from "../../../shared/event-payload.ts";
import type { Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { githubTitle } from "./github-items.ts";
import { pushedSha } from "./github-push.ts";
import { githubSubject } from "./github-subject.ts";
import {
  at,
  branchOf,
  firstLine,
  firstText,
  flag,
  idText,
  integer,
  isoTime,
  isObject,
  list,
  text,
} from "./read-json.ts";

/** The columns people filter by, for an event of any kind, also of one that is not known. */
export function githubEventRow(
  event: ClaimedEvent,
  payload: Json,
  kind: string,
  providerTime: number | null,
): Row {
  const subject = githubSubject(payload, kind);
  return {
    event_id: event.id,
    received_at: isoTime(event.receivedAt),
    event: kind,
    action: event.action ?? text(at(payload, "action")),
    delivery_guid: event.headers["x-github-delivery"] ?? null,
    hook_id: event.headers["x-github-hook-id"] ?? null,
    installation_id: integer(at(payload, "installation", "id")),
    github_organization: text(at(payload, "organization", "login")),
    repository_external_id: idText(at(payload, "repository", "id")),
    repository: text(at(payload, "repository", "full_name")),
    sender: text(at(payload, "sender", "login")),
    sender_type: text(at(payload, "sender", "type")),
    ...referenceOf(payload, subject, kind),
    ...stateOf(payload, subject, kind),
    url: urlOf(payload, subject, kind),
    provider_time: isoTime(providerTime),
  };
}

/** The thread an event belongs to: what has a number and a title. */
function threadOf(payload: Json): Json {
  return (
    ["pull_request", "issue", "discussion"]
      .map((name) => at(payload, name))
      .find((found) => isObject(found)) ?? null
  );
}

function referenceOf(payload: Json, subject: Json, kind: string): Row {
  const thread = threadOf(payload);
  const ref = firstText(
    at(payload, "ref"),
    at(payload, "deployment", "ref"),
    at(subject, "head_ref"),
    at(subject, "most_recent_instance", "ref"),
    at(thread, "head", "ref"),
  );
  const named = at(payload, "ref_type") === "branch" ? ref : null;
  return {
    ref,
    branch: firstText(
      branchOf(ref),
      named,
      at(thread, "head", "ref"),
      at(subject, "head_branch"),
      at(subject, "check_suite", "head_branch"),
      at(payload, "branch"),
    ),
    head_sha: kind === "push" ? pushedSha(payload) : shaOf(payload, subject, thread),
  };
}

function shaOf(payload: Json, subject: Json, thread: Json): string | null {
  return firstText(
    at(thread, "head", "sha"),
    at(subject, "head_sha"),
    at(payload, "deployment", "sha"),
    at(payload, "sha"),
    at(payload, "commit_oid"),
    at(subject, "most_recent_instance", "commit_sha"),
    at(subject, "commit_id"),
    at(subject, "commit"),
  );
}

function stateOf(payload: Json, subject: Json, kind: string): Row {
  const thread = threadOf(payload);
  const isPush = kind === "push";
  return {
    number:
      [at(subject, "number"), at(payload, "number"), at(thread, "number"), at(subject, "run_number")].find(
        (value) => integer(value) !== null,
      ) ?? null,
    title: isPush
      ? firstLine(at(payload, "head_commit", "message"))
      : (githubTitle(thread) ?? firstText(at(subject, "context"), githubTitle(subject))),
    state: isPush ? null : firstText(at(subject, "state"), at(subject, "status")),
    conclusion: firstText(
      at(subject, "conclusion"),
      at(subject, "state_reason"),
      at(subject, "dismissed_reason"),
      at(subject, "resolution"),
    ),
    is_merged: flag(at(payload, "pull_request", "merged")),
    commit_count: isPush
      ? list(at(payload, "commits")).length
      : integer(at(payload, "pull_request", "commits")),
  };
}

function urlOf(payload: Json, subject: Json, kind: string): string | null {
  if (kind === "push") return text(at(payload, "compare"));
  return firstText(
    at(subject, "html_url"),
    at(subject, "environment_url"),
    at(subject, "target_url"),
    at(threadOf(payload), "html_url"),
    at(payload, "repository", "html_url"),
  );
}
