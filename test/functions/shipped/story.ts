import {
  deployed,
  github,
  type Happening,
  linearIssue,
  makeGithubEvent,
  makeGithubRepository,
  pullRequest,
  pushed,
  ran,
  shaOf,
} from "../../helpers/shipped.ts";

/**
 * A day of a team's: a feature by squash merge and its deployment, its branch's name used again for a change that is given
 * up, a change for a Linear issue that a later commit's deployment brings out, an open one for two issues, one from a fork,
 * a repository that is renamed and whose name another one takes. Each execution has tokens of its own power of two, so that
 * a sum tells exactly which executions are in it.
 */
export interface Run {
  tokens: number;
  happening: Happening;
  /** The number of the pull request it is for, or why it is for none. */
  pullRequest: number | string;
}

const FORK = { id: 700_000_009, full_name: "ben/shop" };
const renamed = makeGithubRepository(3_000, { full_name: "acme/store" });
const successor = makeGithubRepository(4_000, { id: 700_000_002, full_name: "acme/shop" });
const shop = (branch: string, more: Record<string, string | number> = {}) => ({
  repository: "acme/shop",
  branch,
  ...more,
});

const runs: [
  second: number,
  workspace: Parameters<typeof ran>[2],
  target: number | string,
  command?: string,
][] = [
  [50, shop("cards"), 7],
  [400, shop("cards"), 7],
  [599, shop("cards"), 7],
  // The branch is the same, the time tells them apart.
  [650, shop("cards"), 8],
  [1_100, shop("cards"), 8],
  [1_600, shop("cards"), "pull_request_closed"],
  // A job of CI names the number; so does a link.
  [450, { repository: "acme/shop", pull_request: 7, commit: shaOf("Test cards") }, 7],
  [460, { repository: "acme/shop", pull_request: "https://github.com/Acme/Shop/pull/7" }, 7],
  [470, shop("cards", { pull_request: 77 }), 7],
  [480, shop("main", { pull_request: 78 }), "pull_request_unknown"],
  // It began on the default branch and ended on the change's commit.
  [90, shop("main", { commit: shaOf("Begin"), commit_after: shaOf("Take cards") }), 7],
  // A checkout of a commit without a branch.
  [500, { repository: "acme/shop", commit: shaOf("Test cards") }, 7],
  [2_200, shop("eng-12-refunds"), 9],
  [2_210, shop("main"), "default_branch"],
  [2_220, shop("main"), 9, "please look at #9 again"],
  [2_230, shop("main"), 10, "how far is https://github.com/acme/shop/pull/10 ?"],
  // After the merge the default branch is at the merge commit: that is no work on the change.
  [2_650, shop("main", { commit: shaOf("Merge refunds") }), "default_branch"],
  [2_300, shop("ben/eng-13-index"), 10],
  [2_310, shop("nowhere"), "no_pull_request"],
  [2_320, { repository: "acme/shop" }, "no_branch"],
  [2_330, {}, "no_repository"],
  [2_340, { repository: "acme/site", branch: "cards" }, "repository_unknown"],
  // Its own commit went straight to the default branch, and was deployed.
  [
    2_630,
    shop("main", { commit: shaOf("Merge refunds"), commit_after: shaOf("Straight to main") }),
    "default_branch",
  ],
  // A fork's own default branch; the same name in the repository itself is no sign of it.
  [2_350, { repository: "https://github.com/ben/shop.git", branch: "main" }, 11],
  // The new name, the old one while nobody else had it, and the old one when another repository had taken it.
  [3_100, { repository: "git@github.com:acme/store.git", branch: "search" }, 10],
  [3_110, shop("search"), 10],
  [4_100, shop("search"), "no_pull_request"],
  [4_200, { repository: "acme/shop", branch: "fresh" }, 1],
];

/** What the webhooks tell. */
export const told: readonly Happening[] = [
  pushed(1, "main", ["Begin"]),
  pushed(100, "cards", ["Take cards"]),
  ...pullRequest({
    number: 7,
    branch: "cards",
    openedAt: 120,
    heads: ["Take cards", "Test cards"],
    closedAt: 600,
    merge: "Merge cards",
  }),
  ...deployed({ id: 900, commit: "Merge cards", second: 650, environment: "staging" }),
  ...deployed({ id: 901, commit: "Merge cards", second: 700, state: "failure" }),
  ...deployed({ id: 902, commit: "Merge cards", second: 760 }),
  ...pullRequest({ number: 8, branch: "cards", openedAt: 1_000, closedAt: 1_500, heads: ["Other cards"] }),
  linearIssue("ENG-12", 10, "unstarted"),
  linearIssue("ENG-13", 10, "unstarted"),
  linearIssue("ENG-14", 10, "started"),
  ...pullRequest({
    number: 9,
    branch: "eng-12-refunds",
    title: "Refunds",
    openedAt: 2_000,
    heads: ["Refund"],
    closedAt: 2_600,
    merge: "Merge refunds",
  }),
  linearIssue("ENG-12", 2_600, "completed"),
  ...pullRequest({
    number: 10,
    branch: "search",
    title: "Search (ENG-13, ENG-14)",
    openedAt: 2_100,
    heads: ["Index"],
  }),
  ...pullRequest({
    number: 11,
    branch: "main",
    title: "From a fork",
    openedAt: 2_150,
    heads: ["Forked"],
    fork: FORK,
  }),
  pushed(2_640, "main", ["Straight to main"]),
  ...deployed({ id: 903, commit: "Straight to main", second: 2_700 }),
  github(
    makeGithubEvent(
      "repository",
      { action: "renamed", changes: { repository: { name: { from: "shop" } } } },
      renamed,
    ),
  ),
  pushed(4_000, "main", ["A new beginning"], successor),
  ...pullRequest({
    number: 1,
    branch: "fresh",
    openedAt: 4_050,
    heads: ["Fresh"],
    closedAt: 4_300,
    merge: "Merge fresh",
    repository: successor,
  }),
];

export const executed: readonly Run[] = runs.map(([second, workspace, target, command], index) => ({
  tokens: 2 ** index,
  happening: ran(second, 2 ** index, workspace, command === undefined ? {} : { command }),
  pullRequest: target,
}));
