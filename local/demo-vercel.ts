import { stableId } from "./demo-github.ts";
import type { Repository } from "./demo-team.ts";

/** The payload Vercel sends about a deployment of a commit to production. */
export function describeVercelDeployment(
  repository: Repository,
  sha: string,
  author: string,
): Readonly<Record<string, unknown>> {
  const [owner = "", name = ""] = repository.name.split("/");
  const host = `${name}-${sha.slice(0, 9)}-${owner}.vercel.app`;
  return {
    team: { id: `team_${stableId("team", owner)}` },
    user: { id: `user_${stableId("vercel user", author)}` },
    project: { id: `prj_${stableId("project", repository.name)}` },
    target: "production",
    plan: "pro",
    regions: ["fra1"],
    links: {
      deployment: `https://vercel.com/${owner}/${name}/${sha.slice(0, 12)}`,
      project: `https://vercel.com/${owner}/${name}`,
    },
    deployment: {
      id: `dpl_${sha.slice(0, 28)}`,
      name,
      url: host,
      meta: {
        githubCommitSha: sha,
        githubCommitRef: repository.defaultBranch,
        githubOrg: owner,
        githubRepo: name,
        githubCommitAuthorLogin: author,
      },
    },
  };
}
