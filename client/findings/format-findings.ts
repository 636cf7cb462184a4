import { formatCost } from "../format-summary.ts";
import { plainText } from "../plain-text.ts";
import { type Column, formatTable } from "../table.ts";
import type { Findings, ListedFinding } from "./findings.ts";

const COLUMNS: readonly Column[] = [
  { title: "a month", align: "right" },
  { title: "sure", align: "left" },
  { title: "state", align: "left" },
  { title: "finding", align: "left" },
];

/** A table, the most money first, with the title of each finding below its row. */
export function formatFindings(answer: Findings): string {
  const period = `From ${answer.from} until ${answer.to}: ${answer.executions.toLocaleString("en-US")} runs`;
  if (answer.findings.length === 0) return `${period}\n\nNothing is found.\n`;
  const rows = answer.findings.map((finding) => [
    amountOf(finding),
    finding.confidence.level,
    finding.state,
    finding.id,
  ]);
  const [titles = "", rule = "", ...lines] = formatTable(COLUMNS, rows).trimEnd().split("\n");
  const body: string[] = [];
  for (const [index, finding] of answer.findings.entries()) {
    body.push(lines[index] ?? "", ...detailLines(finding));
  }
  return `${[period, "", titles, rule, ...body, "", ...notesOf(answer)].join("\n")}\n`;
}

function detailLines(finding: ListedFinding): string[] {
  const lines = [`    ${plainText(finding.title)}`];
  if (finding.outcome !== null) lines.push(`    ${outcomeText(finding.outcome)}`);
  return lines;
}

/** What is done goes by what it promised. */
function amountOf({ outcome, usd_per_month }: ListedFinding): string {
  return formatCost(outcome === null ? usd_per_month : outcome.promised_usd_per_month);
}

function outcomeText(outcome: NonNullable<ListedFinding["outcome"]>): string {
  const promised = `promised ${formatCost(outcome.promised_usd_per_month)} a month`;
  return outcome.actual_usd_per_month === null
    ? `${promised}; saved so far: not known, ${plainText(outcome.why ?? "")}`
    : `${promised}, saves ${formatCost(outcome.actual_usd_per_month)}`;
}

function notesOf({ total, count, findings, days_observed, next_page_token }: Findings): string[] {
  const notes: string[] = [];
  if (total.usd_per_month !== null) {
    const parts = Object.entries(total.by_confidence).flatMap(([level, usd]) =>
      usd === null ? [] : [`${formatCost(usd)} ${level}`],
    );
    const counted =
      total.findings_counted === 1 ? "one finding" : `${total.findings_counted} findings that share no run`;
    notes.push(
      `  ${formatCost(total.usd_per_month)} a month in all (${parts.join(", ")}), counting ${counted}`,
    );
  }
  if (days_observed < 7) notes.push(`  only ${days_observed} of 7 days observed: not scaled up to a month`);
  if (next_page_token !== null) notes.push(`  ${count - findings.length} more (--limit)`);
  notes.push("  netra insights show ID tells the evidence and what to do");
  return notes;
}

/** Everything about one finding. */
export function formatFinding(finding: ListedFinding): string {
  const lines: [string, string][] = [
    ["finding", finding.id],
    ["state", stateText(finding)],
    ["saves", `${amountOf(finding)} a month`],
    ["how", finding.computed.how],
    ["sure", `${finding.confidence.level}: ${finding.confidence.because}`],
    ["do", finding.advice],
  ];
  for (const [name, values] of Object.entries(finding.affected)) {
    if (values.length > 0) lines.push([name, values.join(", ")]);
  }
  if (finding.outcome !== null) lines.push(["outcome", outcomeText(finding.outcome)]);
  for (const [name, value] of Object.entries(finding.evidence)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    lines.push([name.replaceAll("_", " "), text]);
  }
  const width = Math.max(...lines.map(([name]) => name.length));
  const body = lines.map(([name, text]) => `  ${name.padEnd(width)}  ${plainText(text)}`);
  return `${[plainText(finding.title), ...body].join("\n")}\n`;
}

function stateText({ state, decision, found }: ListedFinding): string {
  const parts = [state];
  if (decision !== null) {
    parts.push(`since ${decision.at}${decision.by === null ? "" : ` by ${decision.by}`}`);
    if (state === "muted" && decision.muted_until !== null) parts.push(`until ${decision.muted_until}`);
    if (decision.note !== null) parts.push(`"${decision.note}"`);
  }
  if (!found) parts.push("no longer found");
  return parts.join(", ");
}
