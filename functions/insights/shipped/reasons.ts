/** Why executions could not be attributed, each with what it means and, where something can be done, what. */
export const REASONS: Readonly<Record<string, string>> = {
  no_repository:
    "the execution does not say which repository it ran in; run it inside a clone with a remote, or send workspace.repository",
  repository_unknown:
    "no webhook has told of the repository; add GitHub's webhook to it, or to its organization",
  pull_request_unknown:
    "the execution names a pull request that no webhook has told of; GitHub can redeliver what was missed",
  no_branch: "the execution does not say which branch it ran on, and nothing else in its session does",
  default_branch: "it ran on the default branch, and neither it nor its session names a pull request",
  no_pull_request: "no pull request has been opened for its branch so far",
  pull_request_closed: "it ran on the branch after the last pull request of that branch was closed",
  no_issue: "neither the branch, nor the pull request, nor the command names an issue of Linear's",
  issue_unknown: "it names an issue of a team of Linear's, and no webhook has told of that issue",
  pull_request_open: "the pull request is still open",
  pull_request_not_merged: "the pull request was closed without being merged",
  not_deployed:
    "no deployment that ended well is known to contain it; see environment for which deployments count",
};

/** How a link was made, from the surest to the least sure. */
export const EVIDENCE: Readonly<Record<string, { confidence: "high" | "medium" | "low"; says: string }>> = {
  number: { confidence: "high", says: "the execution names the pull request" },
  commit: { confidence: "high", says: "it ended on a commit of the pull request" },
  branch: { confidence: "high", says: "it ran on the pull request's branch before that was closed" },
  repository: { confidence: "high", says: "it ran in the repository" },
  branch_key: { confidence: "high", says: "its branch names the issue" },
  deployed_commit: { confidence: "high", says: "the very commit was deployed" },
  start_commit: { confidence: "medium", says: "it began on a commit of the pull request" },
  pull_request_key: { confidence: "medium", says: "its pull request names the issue" },
  later_commit: { confidence: "medium", says: "a later commit of the same branch was deployed" },
  mention: { confidence: "medium", says: "its command names the pull request" },
  command_key: { confidence: "medium", says: "its command names the issue" },
  key: { confidence: "low", says: "it names an issue of Linear's that the pull request names as well" },
  session: { confidence: "low", says: "the rest of its session was for the pull request" },
  time: { confidence: "low", says: "the deployment began after the merge; which commit it had is not known" },
};
