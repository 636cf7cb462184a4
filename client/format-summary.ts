import type { Summary, SummaryMeasures } from "./summary.ts";
import type { Column } from "./table.ts";
import { formatTable } from "./table.ts";

const TITLES: Readonly<Record<string, string>> = {
  model: "model",
  command_base: "command",
  day: "day",
  hour: "hour (UTC)",
  status: "status",
  repository: "repository",
  session: "session",
};

/** The table of a summary, its total last, and a line for everything the figures leave out. */
export function formatSummary(summary: Summary): string {
  const columns: Column[] = [
    { title: TITLES[summary.group_by] ?? summary.group_by, align: "left" },
    ...[
      "runs",
      "failed",
      "input",
      "cache read",
      "cache write",
      "output",
      "hit rate",
      "cost",
      "p50",
      "p95",
    ].map((title): Column => ({ title, align: "right" })),
  ];
  const rows = summary.rows.map((row) => [row.key ?? "(unknown)", ...cellsOf(row)]);
  const table = formatTable(columns, [...rows, ["total", ...cellsOf(summary.total)]]);
  return (
    table +
    notesOf(summary)
      .map((note) => `  ${note}\n`)
      .join("")
  );
}

/** Dollars to the cent, and to two significant digits below one. */
export function formatCost(usd: string | null): string {
  if (usd === null) return "–";
  const value = Number(usd);
  if (value !== 0 && Math.abs(value) < 1) return `$${value.toPrecision(2)}`;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** A duration in the unit that suits it: `420 ms`, `12.3 s`, `4 min`. */
export function formatTime(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

function cellsOf(row: SummaryMeasures): string[] {
  const written =
    row.cache_write_5m_tokens === null && row.cache_write_1h_tokens === null
      ? null
      : (row.cache_write_5m_tokens ?? 0) + (row.cache_write_1h_tokens ?? 0);
  return [
    formatCount(row.executions),
    formatCount(row.failures),
    formatCount(row.input_tokens),
    formatCount(row.cache_read_tokens),
    formatCount(written),
    formatCount(row.output_tokens),
    row.cache_hit_rate === null ? "–" : `${row.cache_hit_rate.toFixed(1)} %`,
    formatCost(row.cost_usd),
    formatTime(row.time_p50_ms),
    formatTime(row.time_p95_ms),
  ];
}

function notesOf({ total, pending, groups, rows, fallback }: Summary): string[] {
  const notes: string[] = [];
  if (rows.length < groups) notes.push(`${formatCount(groups - rows.length)} more rows (--limit)`);
  if (pending > 0) notes.push(`${formatCount(pending)} runs have not ended and are not counted`);
  if (total.unpriced > 0)
    notes.push(`${formatCount(total.unpriced)} runs have no known price and are not in the cost`);
  if (total.unmeasured > 0) notes.push(`${formatCount(total.unmeasured)} runs told no tokens`);
  if (fallback) notes.push("the analytics copy did not answer; these are the ledger's figures");
  return notes;
}

export function formatCount(value: number | null): string {
  return value === null ? "–" : value.toLocaleString("en-US");
}
