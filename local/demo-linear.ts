import { stableId } from "./demo-github.ts";

const STATES = { unstarted: "Todo", started: "In Progress", completed: "Done" } as const;

/** What Linear sends about an issue in a state; when it was sent is added by whoever sends it. */
export function describeLinearIssue(options: {
  key: string;
  title: string;
  author: string;
  state: keyof typeof STATES;
  createdAt: number;
  at: number;
}): Readonly<Record<string, unknown>> {
  const { key, title, author, state, createdAt, at } = options;
  const [team = "", number = ""] = key.split("-");
  return {
    action: state === "unstarted" ? "create" : "update",
    type: "Issue",
    createdAt: isoTime(at),
    organizationId: `organization-${stableId("linear", team)}`,
    url: `https://linear.app/northwind-harbor/issue/${key}`,
    data: {
      id: `issue-${stableId("issue", key)}`,
      identifier: key,
      number: Number(number),
      title,
      team: { id: `team-${stableId("team", team)}`, key: team, name: "Harbor" },
      assignee: { id: `user-${stableId("user", author)}`, name: author },
      state: { id: `state-${state}`, name: STATES[state], type: state },
      createdAt: isoTime(createdAt),
      updatedAt: isoTime(at),
      ...(state === "completed" ? { completedAt: isoTime(at) } : {}),
    },
  };
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
