import type { AnalyticsKind } from "../shared/analytics.ts";
import type { Analytics, AnalyticsCell } from "./analytics.ts";
import { formatCost, formatTime } from "./format-summary.ts";
import { type Column, formatTable } from "./table.ts";

/** The columns that fit a terminal, by their titles; --json and --csv have all of them. */
const SHOWN: Readonly<Record<AnalyticsKind, Readonly<Record<string, string>>>> = {
  trends: {
    executions: "runs",
    failures: "failed",
    total_tokens: "tokens",
    cache_hit_rate: "hit rate",
    cost_usd: "cost",
    cache_savings_usd: "saved",
  },
  costs: {
    executions: "runs",
    cost_usd: "cost",
    cost_share: "share",
    average_cost_usd: "average",
    p50_cost_usd: "p50",
    p95_cost_usd: "p95",
    unpriced: "unpriced",
  },
  cache: {
    rank: "rank",
    executions: "runs",
    cache_hit_rate: "hit rate",
    mean_cache_hit_rate: "mean of runs",
    cache_read_tokens: "read",
    reads_per_write: "per write",
    cache_savings_usd: "saved",
  },
  failures: {
    executions: "runs",
    failed: "failed",
    timeouts: "timeouts",
    failure_rate: "rate",
    lost_tokens: "tokens lost",
    lost_cost_usd: "cost lost",
    last_failure_at: "last",
  },
  sessions: {
    started_at: "started",
    executions: "runs",
    failures: "failed",
    total_tokens: "tokens",
    cost_usd: "cost",
    repository: "repository",
    model: "model",
  },
  repositories: {
    executions: "runs",
    failures: "failed",
    sessions: "sessions",
    people: "people",
    total_tokens: "tokens",
    cost_usd: "cost",
    cost_share: "share",
    last_at: "last",
  },
  models: {
    executions: "runs",
    failure_rate: "failed",
    total_tokens: "tokens",
    cost_usd: "cost",
    cost_share: "share",
    cost_per_million_tokens_usd: "per M tokens",
    time_p50_ms: "p50",
    time_p95_ms: "p95",
  },
};

const TEXTS = new Set(["repository", "model"]);

/** The table of an answer, its total last, and a line for everything the figures leave out. */
export function formatAnalytics(kind: AnalyticsKind, answer: Analytics): string {
  const shown = Object.entries(SHOWN[kind]);
  const columns: Column[] = [
    { title: answer.group_by.replace("command_base", "command"), align: "left" },
    ...shown.map(([name, title]): Column => ({ title, align: TEXTS.has(name) ? "left" : "right" })),
  ];
  const cellsOf = (row: Readonly<Record<string, AnalyticsCell>>): string[] =>
    shown.map(([name]) => formatCell(name, row[name] ?? null));
  const rows = answer.rows.map((row) => [String(row["key"] ?? "(unknown)"), ...cellsOf(row)]);
  const table = formatTable(columns, [...rows, ["total", ...cellsOf(answer.total)]]);
  return table + notesOf(answer).join("");
}

function formatCell(name: string, value: AnalyticsCell): string {
  if (value === null) return "–";
  if (name.endsWith("_usd")) return formatCost(String(value));
  if (name.endsWith("_at")) return String(value).slice(0, 16).replace("T", " ");
  if (typeof value === "string") return value;
  if (name.endsWith("_ms")) return formatTime(value);
  if (name.endsWith("_rate") || name.endsWith("_share")) return `${value.toFixed(1)} %`;
  return value.toLocaleString("en-US");
}

function notesOf({ rows, groups, pending, total, fallback }: Analytics): string[] {
  const notes: string[] = [];
  const unpriced = Number(total["unpriced"] ?? 0);
  if (rows.length < groups)
    notes.push(`${(groups - rows.length).toLocaleString("en-US")} more rows (--limit)`);
  if (pending > 0) notes.push(`${pending.toLocaleString("en-US")} runs have not ended and are not counted`);
  if (unpriced > 0)
    notes.push(`${unpriced.toLocaleString("en-US")} runs have no known price and are not in the cost`);
  if (fallback) notes.push("the analytics copy did not answer; these are the ledger's figures");
  return notes.map((note) => `  ${note}\n`);
}
