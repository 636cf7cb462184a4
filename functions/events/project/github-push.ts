import type { Json } from "../../../shared/event-payload.ts";
import type { ProjectedRows, Row } from "../../../shared/postgres/projected-rows.ts";
import type { ClaimedEvent } from "../projection.ts";
import {
  at,
  branchOf,
  firstLine,
  firstTime,
  firstText,
  flag,
  idText,
  isoTime,
  list,
  text,
  time,
} from "./read-json.ts";

/** GitHub sends at most as many with a push. */
const COMMITS_MAX = 2_048;

/**
 * A push to a branch: its new head, or its end, and the commits it brought. Of two pushes in one second, which is how
 * exactly GitHub tells the time, a branch's beginning comes first, its end last, and in between the younger commit decides.
 */
export function githubPushRows(event: ClaimedEvent, payload: Json, repositoryId: string): ProjectedRows {
  const name = branchOf(at(payload, "ref"));
  if (name === null) return {};
  const commits = list(at(payload, "commits")).slice(0, COMMITS_MAX);
  const head = at(payload, "head_commit");
  const isListed = commits.some((commit) => at(commit, "id") === at(head, "id"));
  const branch = branchRow(event, payload, { repositoryId, name, commitCount: commits.length });
  return {
    ...(branch === null ? {} : { repository_branches: [branch] }),
    repository_commits: (isListed ? commits : [...commits, head]).flatMap((commit) =>
      commitRows(commit, repositoryId),
    ),
  };
}

function branchRow(
  event: ClaimedEvent,
  payload: Json,
  { repositoryId, name, commitCount }: { repositoryId: string; name: string; commitCount: number },
): Row | null {
  const pushedAt = isoTime(pushTime(payload));
  if (pushedAt === null) return null;
  const head = at(payload, "head_commit");
  const sha = pushedSha(payload);
  const isDeleted = sha === null;
  const url = text(at(payload, "repository", "html_url"));
  return {
    repository_id: repositoryId,
    name,
    head_sha: sha,
    head_message: isDeleted ? null : firstLine(at(head, "message")),
    head_author: isDeleted ? null : personName(at(head, "author")),
    head_committed_at: isDeleted ? null : isoTime(time(at(head, "timestamp"))),
    pusher: personName(at(payload, "pusher")),
    commit_count: commitCount,
    is_forced: flag(at(payload, "forced")),
    url: url === null ? null : `${url}/tree/${pathOf(name)}`,
    deleted_at: isDeleted ? pushedAt : null,
    version_time: pushedAt,
    version_rank: isDeleted ? 2 : Number(at(payload, "created") !== true),
    version_key: `${isoTime(time(at(head, "timestamp"))) ?? ""} ${event.deliveryKey}`,
  };
}

/** When a push happened: GitHub's clock, or else the clock of whoever made its last commit. */
export function pushTime(payload: Json): number | null {
  return firstTime(at(payload, "repository", "pushed_at"), at(payload, "head_commit", "timestamp"));
}

/** What a reference points to after a push; null once it is gone, which GitHub also writes as zeros. */
export function pushedSha(payload: Json): string | null {
  const after = idText(at(payload, "after"));
  return after === null || /^0+$/.test(after) || at(payload, "deleted") === true ? null : after;
}

function commitRows(commit: Json, repositoryId: string): Row[] {
  const sha = text(at(commit, "id"));
  if (sha === null) return [];
  return [
    {
      repository_id: repositoryId,
      sha,
      message: firstLine(at(commit, "message")),
      author: personName(at(commit, "author")),
      committed_at: isoTime(time(at(commit, "timestamp"))),
      url: text(at(commit, "url")),
    },
  ];
}

/** Someone's login or name. Addresses are not kept, not even as a name. */
function personName(person: Json): string | null {
  const name = firstText(at(person, "username"), at(person, "name"));
  return name === null || /\S@\S/.test(name) ? null : name;
}

function pathOf(branch: string): string {
  return branch.toWellFormed().split("/").map(encodeURIComponent).join("/");
}
