import type { Json } from "../../../shared/event-payload.ts";
import { pushTime } from "./github-push.ts";
import { at, firstTime, latestTime } from "./read-json.ts";

/** The member that an event is about, where it is not called like the event. */
const SUBJECTS = new Map([
  ["branch_protection_rule", "rule"],
  ["code_scanning_alert", "alert"],
  ["commit_comment", "comment"],
  ["dependabot_alert", "alert"],
  ["deploy_key", "key"],
  ["deployment_protection_rule", "deployment"],
  ["deployment_review", "workflow_run"],
  ["discussion_comment", "comment"],
  ["fork", "forkee"],
  ["installation_repositories", "installation"],
  ["issue_comment", "comment"],
  ["issues", "issue"],
  ["meta", "hook"],
  ["page_build", "build"],
  ["ping", "hook"],
  ["pull_request_review", "review"],
  ["pull_request_review_comment", "comment"],
  ["pull_request_review_thread", "pull_request"],
  ["repository_vulnerability_alert", "alert"],
  ["secret_scanning_alert", "alert"],
  ["secret_scanning_alert_location", "alert"],
  ["sub_issues", "sub_issue"],
]);

/** Events that say of themselves what others say of a member. */
const WHOLE = new Set(["create", "delete", "push", "repository_import", "star", "status"]);

/** Every name GitHub gives to a moment in what an event is about. What happened last is what the event tells. */
const TIMES = [
  "updated_at",
  "submitted_at",
  "completed_at",
  "started_at",
  "run_started_at",
  "starred_at",
  "closed_at",
  "merged_at",
  "fixed_at",
  "dismissed_at",
  "resolved_at",
  "withdrawn_at",
  "published_at",
  "archived_at",
  "suspended_at",
  "created_at",
];

/** What an event is about: the pull request, the comment, the alert; null where it names nothing. */
export function githubSubject(payload: Json, kind: string): Json {
  return WHOLE.has(kind) ? payload : at(payload, SUBJECTS.get(kind) ?? kind);
}

/** When it happened by GitHub's clock, in milliseconds since 1970. Null when the event gives no time at all. */
export function githubTime(payload: Json, kind: string): number | null {
  if (kind === "push") return pushTime(payload) ?? repositoryTime(payload);
  const subject = githubSubject(payload, kind);
  return (
    latestTime(...TIMES.map((name) => at(subject, name))) ??
    firstTime(
      at(subject, "head_commit", "timestamp"),
      at(payload, "effective_date"),
      at(payload, "starred_at"),
      at(payload, "deployment", "created_at"),
    ) ??
    repositoryTime(payload)
  );
}

/** The last that is known to have happened to the repository: not before it the event was made. */
function repositoryTime(payload: Json): number | null {
  return latestTime(at(payload, "repository", "updated_at"));
}
