import type { Json } from "../../../shared/event-payload.ts";
import type { Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import { entityIdOf, githubRepositoryId } from "./github-repository.ts";
import { at, firstText, idText, integer, isoTime, latestTime, text } from "./read-json.ts";

/** Events that tell the whole state of one thing, with the member that is the thing. */
const SUBJECTS = new Map([
  ["pull_request", "pull_request"],
  ["issues", "issue"],
  ["check_run", "check_run"],
  ["check_suite", "check_suite"],
  ["workflow_run", "workflow_run"],
  ["workflow_job", "workflow_job"],
  ["code_scanning_alert", "alert"],
  ["dependabot_alert", "alert"],
  ["secret_scanning_alert", "alert"],
  ["release", "release"],
]);

const TIMES = [
  "updated_at",
  "completed_at",
  "started_at",
  "run_started_at",
  "closed_at",
  "merged_at",
  "fixed_at",
  "dismissed_at",
  "resolved_at",
  "published_at",
  "created_at",
];
const ENDS = ["closed_at", "completed_at", "fixed_at", "dismissed_at", "auto_dismissed_at", "resolved_at"];

const WAITING = new Set(["queued", "requested", "waiting", "pending"]);
const OPEN = new Set(["open", "draft", "prerelease", "published", "in_progress"]);
const BEGINNINGS = new Set(["opened", "created", "requested"]);
/** A smallint holds it for as many attempts as GitHub allows and more. */
const ATTEMPTS_MAX = 1_000;

/** The current state of what an event is about: a pull request, a check, an alert. Null when it tells none. */
export function githubItemRow(event: ClaimedEvent, payload: Json, kind: string): Row | null {
  const subject = SUBJECTS.get(kind);
  if (subject === undefined) return null;
  const item = at(payload, subject);
  const externalId = externalIdOf(payload, item, subject);
  const changedAt = isoTime(latestTime(...TIMES.map((name) => at(item, name))));
  if (externalId === null || changedAt === null) return null;
  const state = stateOf(kind, item);
  return {
    source: "github",
    kind,
    external_id: externalId,
    repository_id: githubRepositoryId(event, payload),
    repository: text(at(payload, "repository", "full_name")),
    number: integer(at(item, "number")) ?? integer(at(item, "run_number")),
    ...namesOf(item),
    ...peopleOf(item),
    ...commitsOf(item, payload, state),
    head_repository_id: entityIdOf(event, at(item, "head", "repo", "id")),
    state,
    conclusion: conclusionOf(item),
    severity: severityOf(item),
    parent_id:
      idText(at(item, "check_suite", "id")) ?? idText(at(item, "run_id")) ?? idText(at(item, "workflow_id")),
    url: text(at(item, "html_url")),
    opened_at: isoTime(latestTime(at(item, "created_at")) ?? latestTime(at(item, "started_at"))),
    closed_at: isoTime(endOf(kind, item, state)),
    deleted_at: event.action === "deleted" ? changedAt : null,
    event_id: event.id,
    version_time: changedAt,
    version_rank: rankOf(event.action, item, state),
    version_key: event.deliveryKey,
  };
}

/** An alert has a number only, which its repository makes unique. */
function externalIdOf(payload: Json, item: Json, subject: string): string | null {
  if (subject !== "alert") return idText(at(item, "id"));
  const repository = idText(at(payload, "repository", "id"));
  const number = idText(at(item, "number"));
  return repository === null || number === null ? null : `${repository}:${number}`;
}

function stateOf(kind: string, item: Json): string | null {
  if (kind === "pull_request" && isMerged(item)) return "merged";
  if (kind !== "release") return firstText(at(item, "state"), at(item, "status"));
  if (at(item, "draft") === true) return "draft";
  return at(item, "prerelease") === true ? "prerelease" : "published";
}

function isMerged(pullRequest: Json): boolean {
  return at(pullRequest, "merged") === true || text(at(pullRequest, "merged_at")) !== null;
}

/** Why it ended as it did: the result of a check, the reason a ticket or an alert was closed for. */
function conclusionOf(item: Json): string | null {
  return firstText(
    at(item, "conclusion"),
    at(item, "state_reason"),
    at(item, "dismissed_reason"),
    at(item, "resolution"),
  );
}

function severityOf(item: Json): string | null {
  return firstText(
    at(item, "rule", "security_severity_level"),
    at(item, "rule", "severity"),
    at(item, "security_advisory", "severity"),
    at(item, "security_vulnerability", "severity"),
  );
}

function namesOf(item: Json): Row {
  return {
    title: githubTitle(item),
    identifier: firstText(
      at(item, "tag_name"),
      at(item, "rule", "id"),
      at(item, "security_advisory", "ghsa_id"),
      at(item, "secret_type"),
    ),
  };
}

/** What something of GitHub's is called; never the text people wrote into it. */
export function githubTitle(item: Json): string | null {
  return firstText(
    at(item, "title"),
    at(item, "display_title"),
    at(item, "rule", "description"),
    at(item, "security_advisory", "summary"),
    at(item, "secret_type_display_name"),
    at(item, "name"),
    at(item, "tag_name"),
    at(item, "app", "name"),
  );
}

function peopleOf(item: Json): Row {
  return {
    author: firstText(
      at(item, "user", "login"),
      at(item, "author", "login"),
      at(item, "actor", "login"),
      at(item, "app", "slug"),
    ),
    assignee: text(at(item, "assignee", "login")),
  };
}

function commitsOf(item: Json, payload: Json, state: string | null): Row {
  return {
    branch: firstText(
      at(item, "head", "ref"),
      at(item, "head_branch"),
      at(item, "check_suite", "head_branch"),
    ),
    base_branch: firstText(at(item, "base", "ref"), at(item, "target_commitish")),
    head_sha: firstText(at(item, "head", "sha"), at(item, "head_sha"), at(payload, "commit_oid")),
    merge_sha: state === "merged" ? text(at(item, "merge_commit_sha")) : null,
  };
}

function endOf(kind: string, item: Json, state: string | null): number | null {
  const told = latestTime(...ENDS.map((name) => at(item, name)));
  // Runs and suites do not tell their end by itself; nothing but a new attempt changes them after it.
  const isEnded = state === "completed" && (kind === "workflow_run" || kind === "check_suite");
  return told ?? (isEnded ? latestTime(at(item, "updated_at")) : null);
}

/** The order of what GitHub tells of one second: begun, going on, ended, deleted; a new attempt comes after all of it. */
function rankOf(action: string | null, item: Json, state: string | null): number {
  const attempt = Math.min(integer(at(item, "run_attempt")) ?? 0, ATTEMPTS_MAX);
  return Math.max(attempt, 0) * 10 + stageOf(action, state);
}

function stageOf(action: string | null, state: string | null): number {
  if (action === "deleted") return 4;
  if (state === null || WAITING.has(state)) return 0;
  // A release that stops being a preview keeps its times.
  if (!OPEN.has(state) || action === "released") return 3;
  return action !== null && BEGINNINGS.has(action) ? 1 : 2;
}
