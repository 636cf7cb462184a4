import { randomUUID } from "node:crypto";
import type { ShippedAnswer } from "../../functions/insights/shipped/answer.ts";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import type { JsonObject } from "../../shared/event-payload.ts";
import { postNdjson } from "./ingest.ts";
import { type Events, startEvents } from "./events.ts";
import {
  type GithubDelivery,
  githubTime,
  makeGithubEvent,
  makeGithubPullRequest,
  makeGithubPush,
  makeGithubRepository,
  shaOf,
} from "./github-events.ts";
import { type Insights, startInsights } from "./insights.ts";
import { createTenant, type Tenant } from "./tenant.ts";
import { deliver, signGithub, signLinear, startWebhooks, type Webhooks } from "./webhooks.ts";

const SECRET = "a secret of this test";

/** One thing that happens: a delivery of a sender's, or an execution. */
export type Happening =
  | { kind: "github"; delivery: GithubDelivery }
  | { kind: "linear"; payload: JsonObject }
  | { kind: "execution"; execution: ExecutionInput };

export interface Shipped {
  insights: Insights;
  /** A tenant of its own to whom all of it has happened, in this order, through the functions' own doors. */
  tell: (happenings: readonly Happening[]) => Promise<Tenant>;
  /** The answer of `GET /v1/shipped`, of the day of the story unless the query says otherwise. */
  ask: (tenant: Tenant, query?: Readonly<Record<string, string>>) => Promise<ShippedAnswer>;
  close: () => Promise<void>;
}

/** The functions that take part, on one pair of databases. */
export async function startShipped(): Promise<Shipped> {
  const insights = await startInsights({ NETRA_SUMMARY_CACHE_MS: "0", NETRA_QUERY_TIMEOUT_MS: "20000" });
  const { databases } = insights;
  const events = await startEvents({ databases, tenant: insights.tenant });
  const webhooks = await startWebhooks({ databases, env: { PUBSUB_EMULATOR_HOST: events.sink.host } });
  return {
    insights,
    async tell(happenings) {
      const tenant = await createTenant(databases.adminDatabaseUrl);
      await tellAll({ insights, events, webhooks }, tenant, happenings);
      return tenant;
    },
    async ask(tenant, query = {}) {
      const parameters = new URLSearchParams({ from: "2026-11-02", to: "2026-11-02", ...query });
      const answer = await insights.getRaw(`/v1/shipped?${parameters.toString()}`, tenant.key);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return answer.body as unknown as ShippedAnswer;
    },
    async close() {
      await webhooks.close();
      await events.close();
      await insights.close();
    },
  };
}

async function tellAll(
  { insights, events, webhooks }: { insights: Insights; events: Events; webhooks: Webhooks },
  tenant: Tenant,
  happenings: readonly Happening[],
): Promise<void> {
  const github = await webhooks.createSource({ kind: "github", secrets: [SECRET], tenant });
  const linear = await webhooks.createSource({ kind: "linear", secrets: [SECRET], tenant });
  for (const happening of happenings) {
    if (happening.kind === "execution") {
      const { status, body } = await postNdjson(insights.ingest.url, tenant.key, [happening.execution]);
      if (status !== 200 || body.rejected.length > 0) throw new Error(JSON.stringify(body));
      continue;
    }
    const isGithub = happening.kind === "github";
    const body = JSON.stringify(
      isGithub ? happening.delivery.payload : { ...happening.payload, webhookTimestamp: Date.now() },
    );
    const headers = isGithub
      ? signGithub(SECRET, body, { event: happening.delivery.event, delivery: happening.delivery.guid })
      : signLinear(SECRET, body);
    const answer = await deliver(isGithub ? github.url : linear.url, body, headers);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
    // One by one, so that the order in which they are processed is the one they are told in.
    await events.processAll();
  }
}

export const github = (delivery: GithubDelivery): Happening => ({ kind: "github", delivery });

let told = 0;

/** An execution at a second of the story, of as many input tokens; what it says of its workspace is given. */
export function ran(
  second: number,
  tokens: number | null,
  workspace: NonNullable<ExecutionInput["workspace"]>,
  partial: Partial<ExecutionInput> = {},
): Happening {
  told += 1;
  const usage = { input_tokens: tokens ?? 0, output_tokens: 0 };
  return {
    kind: "execution",
    execution: {
      id: randomUUID(),
      timestamp: githubTime(second),
      command: "/review src",
      model: "claude-sonnet-4-5",
      ...(tokens === null ? {} : { usage }),
      workspace,
      session: { session_id: `session-${told}` },
      ...partial,
    },
  };
}

interface PullRequestStory {
  number: number;
  branch: string;
  title?: string;
  openedAt: number;
  closedAt?: number;
  merge?: string;
  /** Names of the commits at its head, in their order; shaOf(name) is the commit. */
  heads: readonly string[];
  base?: string;
  /** The fork its branch is in. */
  fork?: { id: number; full_name: string };
  repository?: JsonObject;
}

/** What GitHub sends of a pull request: opened, a push for each further head, closed or merged and then pushed. */
export function pullRequest(story: PullRequestStory): Happening[] {
  const { number, branch, openedAt, closedAt, merge, heads, base = "main", fork, repository } = story;
  const state = (action: string, second: number, head: string, ended: boolean): Happening =>
    github(
      makeGithubPullRequest(
        action,
        second,
        {
          id: Number(repository?.["id"] ?? 700_000_001) * 1000 + number,
          number,
          title: story.title ?? `Change ${number}`,
          state: ended ? "closed" : "open",
          merged: ended && merge !== undefined,
          merged_at: ended && merge !== undefined ? githubTime(second) : null,
          merge_commit_sha: merge === undefined ? null : shaOf(merge),
          head: { ref: branch, sha: shaOf(head), ...(fork === undefined ? {} : { repo: fork }) },
          base: { ref: base, sha: shaOf("Begin") },
          html_url: `https://github.example/acme/shop/pull/${number}`,
          created_at: githubTime(openedAt),
          closed_at: ended ? githubTime(second) : null,
        },
        repository,
      ),
    );
  const [first = "", ...rest] = heads;
  const last = heads.at(-1) ?? "";
  return [
    state("opened", openedAt, first, false),
    ...rest.map((head, index) => state("synchronize", openedAt + index + 1, head, false)),
    ...(closedAt === undefined ? [] : [state("closed", closedAt, last, true)]),
    ...(closedAt === undefined || merge === undefined ? [] : [pushed(closedAt, base, [merge], repository)]),
  ];
}

export function pushed(
  second: number,
  branch: string,
  commits: readonly string[],
  repository?: JsonObject,
): Happening {
  return github(
    makeGithubPush({ second, branch, commits, ...(repository === undefined ? {} : { repository }) }),
  );
}

/** A deployment of a commit that GitHub announces and tells the end of. */
export function deployed(options: {
  id: number;
  commit: string;
  second: number;
  state?: string;
  environment?: string;
  ref?: string;
}): Happening[] {
  const { id, commit, second, state = "success", environment = "production", ref = "main" } = options;
  const creator: JsonObject = { login: "deployer", id: 4_200_002, type: "Bot" };
  const deployment: JsonObject = {
    id,
    sha: shaOf(commit),
    ref,
    task: "deploy",
    environment,
    creator,
    created_at: githubTime(second - 10),
    updated_at: githubTime(second - 10),
  };
  const status: JsonObject = {
    id: id * 10,
    state,
    creator,
    environment,
    created_at: githubTime(second),
    updated_at: githubTime(second),
  };
  return [
    github(makeGithubEvent("deployment", { action: "created", deployment })),
    github(
      makeGithubEvent("deployment_status", { action: "created", deployment, deployment_status: status }),
    ),
  ];
}

/** What Linear sends of an issue in a state. */
export function linearIssue(key: string, second: number, type: string, title = `Issue ${key}`): Happening {
  const [team = "", number = "0"] = key.split("-");
  const ended = type === "completed" ? githubTime(second) : null;
  return {
    kind: "linear",
    payload: {
      action: type === "unstarted" ? "create" : "update",
      type: "Issue",
      createdAt: githubTime(second),
      organizationId: "linear-acme",
      url: `https://linear.example/acme/issue/${key}`,
      data: {
        id: `issue-${key}`,
        identifier: key,
        number: Number(number),
        title,
        team: { id: `team-${team}`, key: team, name: team },
        state: { id: `state-${type}`, name: type, type },
        createdAt: githubTime(0),
        updatedAt: githubTime(second),
        completedAt: ended,
      },
    },
  };
}

export { githubTime, makeGithubEvent, makeGithubRepository, shaOf };
