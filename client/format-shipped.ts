import { formatCost } from "./format-summary.ts";
import type { Shipped, ShippedRow } from "./shipped.ts";
import { type Column, formatTable } from "./table.ts";
import { formatSpan } from "./time-option.ts";

const TITLES: Readonly<Record<Shipped["by"], string>> = {
  pull_request: "pull request",
  issue: "issue",
  deployment: "deployment",
  repository: "repository",
};
const DETAILS: Readonly<Record<Shipped["by"], string>> = {
  pull_request: "title",
  issue: "title",
  deployment: "pull requests",
  repository: "pull requests",
};
const MARKS = { high: "", medium: "~", low: "?" } as const;

/** The table of what was shipped, then what could not be attributed and why. */
export function formatShipped(answer: Shipped): string {
  const right = ["runs", "people", "tokens", "cost", "lead time"].map((title): Column => ({
    title,
    align: "right",
  }));
  const columns: Column[] = [
    { title: TITLES[answer.by], align: "left" },
    { title: DETAILS[answer.by], align: "left" },
    { title: "state", align: "left" },
    ...right,
  ];
  const rows = answer.rows.map((row) => [
    nameOf(answer.by, row),
    detailOf(row),
    stateOf(row),
    ...figures(row),
    row.lead_time_ms === null || row.lead_time_ms === undefined ? "–" : formatSpan(row.lead_time_ms),
  ]);
  return [formatTable(columns, rows), ...notesOf(answer), "\n", unattributed(answer)].join("");
}

function figures(row: Pick<ShippedRow, "executions" | "people" | "total_tokens" | "cost_usd">): string[] {
  return [count(row.executions), count(row.people), count(row.total_tokens), formatCost(row.cost_usd)];
}

function nameOf(by: Shipped["by"], row: ShippedRow): string {
  const weakest = (["low", "medium"] as const).find((confidence) =>
    row.evidence.some((link) => link.confidence === confidence),
  );
  const mark = weakest === undefined ? "" : ` ${MARKS[weakest]}`;
  switch (by) {
    case "pull_request":
      return `${row.repository ?? "(unknown)"}#${row.number ?? ""}${mark}`;
    case "issue":
      return `${row.key ?? ""}${mark}`;
    case "deployment":
      return `${row.repository ?? ""} ${(row.id ?? "").slice(0, 12)}${mark}`;
    case "repository":
      return row.repository ?? "(unknown)";
    default:
      return by satisfies never;
  }
}

function detailOf({ title, pull_requests: pullRequests }: ShippedRow): string {
  if (typeof pullRequests === "number") return count(pullRequests);
  return title ?? pullRequests?.map((number) => `#${number}`).join(" ") ?? "";
}

function stateOf(row: ShippedRow): string {
  return row.state === "merged" && typeof row.deployed_at === "string" ? "deployed" : (row.state ?? "–");
}

function notesOf({ rows, groups, listed, attributed }: Shipped): string[] {
  const notes: string[] = [];
  if (rows.length < groups) notes.push(`${count(groups - rows.length)} more (--limit)`);
  const shared = listed.shared_executions > 0;
  if (shared) notes.push("some runs were for several of these: their tokens and cost are split among them");
  if (rows.some(({ evidence }) => evidence.some(({ confidence }) => confidence !== "high"))) {
    notes.push("~ and ?: linked in part by weaker signs; --json tells which");
  }
  if (attributed.unpriced > 0) {
    const runs = attributed.unpriced === 1 ? "1 run has" : `${count(attributed.unpriced)} runs have`;
    notes.push(`${runs} no known price and cannot be in the cost`);
  }
  return notes.map((note) => `  ${note}\n`);
}

function unattributed({ total, attributed, unattributed: rest, by }: Shipped): string {
  const whole = `${formatCost(attributed.cost_usd)} of ${formatCost(total.cost_usd)} in ${count(attributed.executions)} of ${count(total.executions)} runs`;
  const article = by === "issue" ? "an" : "a";
  const head = `Attributed to ${article} ${TITLES[by]}: ${whole}. Not attributed: ${share(rest.share_of_cost)} of the cost.\n`;
  if (rest.reasons.length === 0) return head;
  const columns: Column[] = [
    { title: "not attributed because", align: "left" },
    { title: "runs", align: "right" },
    { title: "cost", align: "right" },
    { title: "share", align: "right" },
  ];
  const rows = rest.reasons.map((one) => [
    one.reason.replaceAll("_", " "),
    count(one.executions),
    formatCost(one.cost_usd),
    share(one.share_of_cost),
  ]);
  const means = rest.reasons.map((one) => `  ${one.reason.replaceAll("_", " ")}: ${one.says}\n`);
  return [head, "\n", formatTable(columns, rows), ...means].join("");
}

function share(part: number | null): string {
  return part === null ? "–" : `${(part * 100).toFixed(1)} %`;
}

function count(value: number | null): string {
  return value === null ? "–" : value.toLocaleString("en-US");
}
