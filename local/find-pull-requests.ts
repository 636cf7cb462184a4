import type { ExecutionInput } from "../shared/agent/execution.ts";

/** What is known of a pull request from the executions that looked at it. */
export interface DemoPullRequest {
  repository: string;
  number: number;
  branch: string;
  commit: string;
  /** When the agent was asked about it, in milliseconds since 1970. */
  reviewedAt: number;
}

/** So many pull requests of each repository, spread over all of its time, with the newest commit looked at; newest first. */
export function findPullRequests(
  executions: Iterable<ExecutionInput>,
  perRepository: number,
): DemoPullRequest[] {
  const found = new Map<string, DemoPullRequest>();
  for (const { timestamp, workspace } of executions) {
    const { repository, branch, commit, pull_request: number } = workspace ?? {};
    if (!repository || !branch || !commit || typeof number !== "number") continue;
    const reviewedAt = Date.parse(timestamp);
    found.set(`${repository}#${number}`, { repository, number, branch, commit, reviewedAt });
  }
  const newestFirst = [...found.values()].sort((a, b) => b.reviewedAt - a.reviewedAt);
  return [...Map.groupBy(newestFirst, ({ repository }) => repository).values()].flatMap((ofRepository) => {
    const step = Math.max(1, Math.floor(ofRepository.length / perRepository));
    return ofRepository.filter((_, index) => index % step === 0).slice(0, perRepository);
  });
}
