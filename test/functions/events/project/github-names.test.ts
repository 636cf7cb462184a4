import { describe, expect, it } from "vitest";
import { entityId } from "../../../../functions/events/project/entity-id.ts";
import { projectGithub } from "../../../../functions/events/project/github.ts";
import {
  claimGithubDelivery,
  type GithubDelivery,
  githubTime,
  makeGithubEvent,
  makeGithubPullRequest,
  makeGithubRepository,
} from "../../../helpers/github-events.ts";

function namesOf(delivery: GithubDelivery) {
  const event = claimGithubDelivery(delivery);
  const id = (external: number) => entityId(event.organizationId, "github", String(external));
  return { rows: projectGithub(event, delivery.payload).rows, id };
}
const since = (second: number) => new Date(githubTime(second)).toISOString();

describe("an event of GitHub's", () => {
  it("tells the name of its repository in lower case, and since when it was heard of", () => {
    const repository = makeGithubRepository(1, { full_name: "Acme/Shop" });
    const { rows, id } = namesOf(makeGithubPullRequest("opened", 5, {}, repository));
    expect(rows.repository_names).toEqual([
      { name: "acme/shop", repository_id: id(700_000_001), first_seen: since(5) },
    ]);
  });

  it("of a pull request from a fork tells the fork's name too, and that its branch is there", () => {
    const head = { ref: "main", sha: "abc", repo: { id: 12, full_name: "ben/shop" } };
    const { rows, id } = namesOf(makeGithubPullRequest("opened", 5, { head }));
    expect(rows.repository_names).toEqual([
      { name: "acme/shop", repository_id: id(700_000_001), first_seen: since(5) },
      { name: "ben/shop", repository_id: id(12), first_seen: since(5) },
    ]);
    expect(rows.tracked_items).toMatchObject([
      { repository_id: id(700_000_001), head_repository_id: id(12) },
    ]);
  });

  it("without a time or without a repository tells no name", () => {
    const timeless = makeGithubRepository(1, { updated_at: null, pushed_at: null });
    expect(
      namesOf(makeGithubEvent("meta", { action: "deleted" }, timeless)).rows.repository_names,
    ).toBeUndefined();
    const { repository: _, ...homeless } = makeGithubPullRequest("opened", 5).payload;
    const event = { ...makeGithubPullRequest("opened", 5), payload: homeless };
    expect(namesOf(event).rows.repository_names).toBeUndefined();
  });
});
