import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entityId } from "../../../../functions/events/project/entity-id.ts";
import { projectEvent } from "../../../../functions/events/project-event.ts";
import { projectGithub } from "../../../../functions/events/project/github.ts";
import type { Json, JsonObject } from "../../../../shared/event-payload.ts";
import {
  claimGithubDelivery,
  type GithubDelivery,
  githubTime,
  makeClaimedEvent,
  makeGithubCheckRun,
  makeGithubDeployment,
  makeGithubDeploymentStatus,
  makeGithubEvent,
  makeGithubPullRequest,
  makeGithubPush,
  makeGithubRepository,
  makeGithubWorkflowRun,
  shaOf,
} from "../../../helpers/github-events.ts";

const organizationId = randomUUID();
const repositoryId = entityId(organizationId, "github", "700000001");

function project(delivery: GithubDelivery) {
  return projectGithub(claimGithubDelivery(delivery, { organizationId }), delivery.payload);
}
const item = (delivery: GithubDelivery) => project(delivery).rows.tracked_items?.[0];
const record = (delivery: GithubDelivery) => project(delivery).rows.deployment_records?.[0];
const ms = (second: number): number => Date.parse(githubTime(second));
const iso = (second: number): string => new Date(ms(second)).toISOString();

describe("any event of GitHub", () => {
  it("has a row with the columns people filter by", () => {
    const delivery = makeGithubPullRequest("labeled", 4);
    expect(project(delivery)).toMatchObject({
      providerTime: ms(4),
      repository: "acme/shop",
      actor: "ana",
      rows: {
        github_events: [
          {
            event: "pull_request",
            action: "labeled",
            delivery_guid: delivery.guid,
            hook_id: "44001",
            installation_id: 55_001,
            github_organization: "acme",
            repository_external_id: "700000001",
            repository: "acme/shop",
            sender: "ana",
            sender_type: "User",
            branch: "cards",
            head_sha: shaOf("Take cards"),
            number: 7,
            title: "Take cards",
            state: "open",
            is_merged: false,
            commit_count: 1,
            url: "https://github.example/acme/shop/pull/7",
            provider_time: iso(4),
          },
        ],
      },
    });
  });

  it("of a kind no one knows has a row too", () => {
    const { rows, providerTime } = project(
      makeGithubEvent("teleported", { teleported: { updated_at: githubTime(3) } }),
    );
    expect(rows.github_events).toMatchObject([{ event: "teleported", repository: "acme/shop" }]);
    expect(providerTime).toBe(ms(3));
  });

  it("of any shape is projected without an error", () => {
    const kinds = fc.constantFrom(
      "push",
      "pull_request",
      "issues",
      "check_run",
      "workflow_run",
      "release",
      "repository",
      "deployment",
      "deployment_status",
      "code_scanning_alert",
      "secret_scanning_alert",
      "status",
      "ping",
      "constructor",
      "",
    );
    const names = fc.constantFrom(
      "repository",
      "pull_request",
      "commits",
      "head_commit",
      "deployment",
      "deployment_status",
      "alert",
      "ref",
      "after",
      "check_run",
      "id",
      "full_name",
      "updated_at",
      "pushed_at",
      "author",
      "name",
      "__proto__",
      "timestamp",
      "number",
    );
    const value = fc.letrec<{ json: Json }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom<Json>(
          null,
          true,
          1,
          -1,
          1e300,
          "",
          "refs/heads/\ud800",
          "2026-01-01T00:00:00Z",
          "x/y",
          1_700_000_000,
        ),
        fc.array(tie("json"), { maxLength: 3 }),
        fc.dictionary(names, tie("json"), { maxKeys: 6 }),
      ),
    })).json;
    fc.assert(
      fc.property(kinds, value, (kind, payload) => {
        const { rows } = projectGithub(makeClaimedEvent(payload, { eventType: `github.${kind}` }), payload);
        expect(rows.github_events).toHaveLength(1);
      }),
      { numRuns: 3_000 },
    );
  });
});

it("an id that is no text as Unicode has it makes an id all the same", () => {
  expect(entityId(organizationId, "github", "\ud800")).toMatch(/^[0-9a-f-]{36}$/);
});

describe("the repository", () => {
  it("comes with any event, by its own time of change", () => {
    const { rows } = project(
      makeGithubEvent("star", { action: "created", starred_at: githubTime(9) }, makeGithubRepository(2)),
    );
    expect(rows.repositories).toMatchObject([
      {
        id: repositoryId,
        external_id: "700000001",
        full_name: "acme/shop",
        owner: "acme",
        name: "shop",
        language: "TypeScript",
        is_private: true,
        version_time: iso(2),
        version_rank: 0,
      },
    ]);
  });

  it("is not guessed where the event does not say when it changed", () => {
    const { rows } = project(
      makeGithubPush({ second: 1, commits: ["a"], repository: { id: 1, full_name: "acme/shop" } }),
    );
    expect(rows.repositories).toMatchObject([{ version_time: iso(1) }]);
    const timeless = project(makeGithubEvent("star", {}, { id: 1, full_name: "acme/shop" }));
    expect(timeless.rows.repositories).toBeUndefined();
  });

  it("is renamed and deleted by what tells of it, over what mentions it in the same second", () => {
    const renamed = project(
      makeGithubEvent(
        "repository",
        { action: "renamed" },
        makeGithubRepository(2, { full_name: "acme/store" }),
      ),
    );
    expect(renamed.rows.repositories).toMatchObject([
      { full_name: "acme/store", name: "store", version_rank: 1 },
    ]);
    const deleted = project(makeGithubEvent("repository", { action: "deleted" }, makeGithubRepository(2)));
    expect(deleted.rows.repositories).toMatchObject([{ deleted_at: iso(2), version_rank: 2 }]);
  });
});

describe("a push", () => {
  it("moves its branch and brings its commits, without addresses and with first lines only", () => {
    const { rows, providerTime } = project(
      makeGithubPush({ second: 5, branch: "feat/a#1", commits: ["one", "two"] }),
    );
    expect(providerTime).toBe(ms(5));
    expect(rows.repository_branches).toMatchObject([
      {
        repository_id: repositoryId,
        name: "feat/a#1",
        head_sha: shaOf("two"),
        head_message: "two",
        head_author: "ana",
        pusher: "ana",
        commit_count: 2,
        is_forced: false,
        url: "https://github.example/acme/shop/tree/feat/a%231",
        deleted_at: null,
        version_time: iso(5),
      },
    ]);
    expect(new Set(rows.repository_commits?.map((row) => row["message"]))).toEqual(new Set(["one", "two"]));
    expect(rows.github_events).toMatchObject([
      { branch: "feat/a#1", head_sha: shaOf("two"), commit_count: 2, title: "two" },
    ]);
    expect(JSON.stringify(rows)).not.toContain("@acme.example");
  });

  it("can end its branch", () => {
    const { rows } = project(makeGithubPush({ second: 5, branch: "cards", commits: [] }));
    expect(rows.repository_branches).toMatchObject([
      { name: "cards", head_sha: null, deleted_at: iso(5), version_rank: 2 },
    ]);
    expect(rows.github_events).toMatchObject([{ head_sha: null, commit_count: 0 }]);
  });

  it("of a tag or of a repository that is not told changes no branch", () => {
    const tag = makeGithubPush({ second: 5, commits: ["a"] });
    const payload = { ...tag.payload, ref: "refs/tags/v1" };
    expect(project({ ...tag, payload }).rows.repository_branches).toBeUndefined();
    const { repository: _, ...homeless } = tag.payload;
    expect(Object.keys(project({ ...tag, payload: homeless }).rows)).toEqual(["github_events"]);
  });

  it("brings no more commits than GitHub sends with one", () => {
    const push = makeGithubPush({
      second: 5,
      commits: Array.from({ length: 2_100 }, (_, index) => `c${index}`),
    });
    expect(project(push).rows.repository_commits?.length).toBeLessThanOrEqual(2_049);
  });

  it("by someone whose name is an address keeps no name", () => {
    const push = makeGithubPush({ second: 5, commits: [] });
    const { rows } = project({ ...push, payload: { ...push.payload, pusher: { name: "ana@acme.example" } } });
    expect(rows.repository_branches).toMatchObject([{ pusher: null }]);
  });
});

describe("what is tracked", () => {
  it("has a pull request from its opening to its merge", () => {
    expect(item(makeGithubPullRequest("opened", 2))).toMatchObject({
      source: "github",
      kind: "pull_request",
      external_id: "810000001",
      repository_id: repositoryId,
      number: 7,
      state: "open",
      author: "ana",
      branch: "cards",
      base_branch: "main",
      merge_sha: null,
      opened_at: iso(2),
      version_rank: 1,
    });
    const merged = makeGithubPullRequest("closed", 6, {
      state: "closed",
      merged: true,
      closed_at: githubTime(6),
      merge_commit_sha: "abc",
    });
    expect(item(merged)).toMatchObject({
      state: "merged",
      merge_sha: "abc",
      closed_at: iso(6),
      version_time: iso(6),
      version_rank: 3,
    });
  });

  it("takes a pull request's state from its own events alone", () => {
    const { payload } = makeGithubPullRequest("opened", 2);
    const review = {
      ...payload,
      action: "submitted",
      review: { id: 1, state: "approved", submitted_at: githubTime(8) },
    };
    const { rows, providerTime } = project({
      event: "pull_request_review",
      guid: randomUUID(),
      payload: review,
    });
    expect(rows.tracked_items).toBeUndefined();
    expect(providerTime).toBe(ms(8));
    expect(rows.github_events).toMatchObject([{ number: 7, state: "approved", title: "Take cards" }]);
  });

  it("has issues with their end and their deletion", () => {
    const issue = {
      id: 5,
      number: 3,
      title: "It hangs",
      state: "closed",
      state_reason: "completed",
      user: { login: "bo" },
      assignee: { login: "cy" },
      created_at: githubTime(1),
      updated_at: githubTime(4),
      closed_at: githubTime(4),
    };
    expect(item(makeGithubEvent("issues", { action: "closed", issue }))).toMatchObject({
      kind: "issues",
      external_id: "5",
      state: "closed",
      conclusion: "completed",
      author: "bo",
      assignee: "cy",
      closed_at: iso(4),
    });
    expect(item(makeGithubEvent("issues", { action: "deleted", issue }))).toMatchObject({
      deleted_at: iso(4),
      version_rank: 4,
    });
  });

  it("ranks the stages of checks and runs that share a second", () => {
    const ranks = [
      makeGithubCheckRun("queued", 3),
      makeGithubCheckRun("in_progress", 3),
      makeGithubCheckRun("completed", 3, 3),
    ].map((delivery) => item(delivery)?.["version_rank"]);
    expect(ranks).toEqual([0, 1, 3]);
    expect(item(makeGithubCheckRun("completed", 3, 5))).toMatchObject({
      conclusion: "success",
      parent_id: "830000001",
      branch: "cards",
      closed_at: iso(5),
      version_time: iso(5),
    });
    expect(item(makeGithubWorkflowRun("completed", 5))).toMatchObject({
      number: 31,
      title: "Take cards",
      conclusion: "success",
      closed_at: iso(5),
      parent_id: "841",
    });
    const again = item(makeGithubWorkflowRun("requested", 5, { run_attempt: 2 }));
    expect(Number(again?.["version_rank"])).toBeGreaterThan(
      Number(item(makeGithubWorkflowRun("completed", 5))?.["version_rank"]),
    );
  });

  it("has alerts by repository and number, with their severity", () => {
    const alert = {
      number: 12,
      state: "dismissed",
      dismissed_reason: "false positive",
      created_at: githubTime(1),
      updated_at: githubTime(4),
      dismissed_at: githubTime(4),
      rule: {
        id: "js/sql",
        severity: "error",
        security_severity_level: "high",
        description: "SQL from outside",
      },
    };
    expect(
      item(
        makeGithubEvent("code_scanning_alert", {
          action: "closed_by_user",
          alert,
          ref: "refs/heads/main",
          commit_oid: "abc",
        }),
      ),
    ).toMatchObject({
      external_id: "700000001:12",
      title: "SQL from outside",
      identifier: "js/sql",
      severity: "high",
      state: "dismissed",
      conclusion: "false positive",
      closed_at: iso(4),
      head_sha: "abc",
    });
    const advisory = {
      number: 2,
      state: "open",
      created_at: githubTime(1),
      updated_at: githubTime(1),
      security_advisory: { ghsa_id: "GHSA-x", summary: "Too much", severity: "critical" },
    };
    expect(item(makeGithubEvent("dependabot_alert", { action: "created", alert: advisory }))).toMatchObject({
      severity: "critical",
      title: "Too much",
      identifier: "GHSA-x",
    });
  });

  it("has an alert of a leaked secret without the secret, which is masked in the payload as well", () => {
    const alert = {
      number: 4,
      state: "open",
      secret: "open sesame",
      secret_type: "acme_key",
      secret_type_display_name: "Acme key",
      created_at: githubTime(1),
      updated_at: githubTime(1),
    };
    const delivery = makeGithubEvent("secret_scanning_alert", { action: "created", alert });
    const result = project(delivery);
    expect(result.rows.tracked_items).toMatchObject([{ title: "Acme key", state: "open" }]);
    expect(result.payload).toMatchObject({ action: "created", alert: { number: 4, secret: "[masked]" } });
    expect(JSON.stringify(result)).not.toContain("open sesame");
    expect(project(makeGithubPullRequest("opened", 2))).not.toHaveProperty("payload");
    const stored = projectEvent(claimGithubDelivery(delivery, { organizationId }));
    expect(JSON.parse(stored.payloadText ?? "null")).toEqual(result.payload);
    expect(JSON.stringify(stored)).not.toContain("open sesame");
  });

  it("has releases", () => {
    const release = {
      id: 6,
      tag_name: "v2",
      name: "Two",
      draft: false,
      prerelease: true,
      author: { login: "ana" },
      target_commitish: "main",
      html_url: "https://github.example/r",
      created_at: githubTime(1),
      published_at: githubTime(3),
    };
    expect(item(makeGithubEvent("release", { action: "published", release }))).toMatchObject({
      external_id: "6",
      identifier: "v2",
      title: "Two",
      state: "prerelease",
      author: "ana",
      version_time: iso(3),
    });
    expect(item(makeGithubEvent("release", { action: "deleted", release }))).toMatchObject({
      deleted_at: iso(3),
    });
  });

  it("leaves out what does not say when it changed", () => {
    expect(
      item(makeGithubEvent("issues", { action: "opened", issue: { id: 5, number: 3 } })),
    ).toBeUndefined();
  });
});

describe("a deployment", () => {
  it("is queued when it is announced", () => {
    expect(record(makeGithubDeployment(901, 7))).toMatchObject({
      provider: "github",
      external_id: "901",
      state: "queued",
      environment: "production",
      repository_id: repositoryId,
      repository: "acme/shop",
      sha: shaOf("Merge cards"),
      ref: "main",
      actor: "ana",
      started_at: iso(7),
      finished_at: null,
      version_rank: 0,
      version_time: iso(7),
    });
  });

  it.each([
    ["queued", "queued", 1],
    ["pending", "queued", 1],
    ["waiting", "queued", 1],
    ["in_progress", "in_progress", 2],
    ["success", "success", 3],
    ["failure", "failure", 3],
    ["error", "failure", 3],
    ["inactive", "inactive", 3],
    ["exploded", "unknown", 0],
  ])("with the status %s is %s", (state, expected, rank) => {
    const delivery = makeGithubDeploymentStatus({ id: 901, state, second: 9, announced: 7 });
    const isEnd = expected === "success" || expected === "failure";
    expect(record(delivery)).toMatchObject({
      state: expected,
      provider_state: state,
      version_rank: rank,
      version_time: iso(9),
      started_at: iso(7),
      finished_at: isEnd ? iso(9) : null,
      actor: "ana",
      url: "https://shop.acme.example",
      log_url: expect.any(String),
    });
    expect(project(delivery).rows.deployment_events).toMatchObject([
      { deployment_id: "901", state: expected, provider_time: iso(9) },
    ]);
  });
});

it("ids of a repository are the same for every event of an organization and differ between organizations", () => {
  const other: JsonObject = { ...makeGithubPush({ second: 1, commits: ["a"] }).payload };
  const event = makeClaimedEvent(other, { eventType: "github.push", organizationId: randomUUID() });
  expect(projectGithub(event, other).rows.repositories?.[0]?.["id"]).not.toBe(repositoryId);
});
