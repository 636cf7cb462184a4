import type { ImportReport } from "./import-transcripts.ts";

/** The report for scripts. */
export function reportAsJson(report: ImportReport, dryRun: boolean): Record<string, unknown> {
  const { read, answer } = report;
  return {
    dry_run: dryRun,
    files: read.files,
    bytes: read.bytes,
    lines: read.lines,
    requests: report.requests,
    executions: report.executions,
    skipped: {
      already_sent: report.skipped.alreadySent,
      before_since: report.skipped.beforeSince,
      recorded_by_run: report.skipped.recordedByRun,
      under_way: report.skipped.underWay,
    },
    sent: { requests: report.sentRequests, usage: report.sentUsage },
    accepted: answer.accepted,
    updated: answer.updated,
    duplicates: answer.duplicates,
    rejected: answer.rejected,
    warnings: answer.warnings,
    malformed: { lines: read.badLines, first: read.badLineList, unfinished: read.unfinishedLines },
    unknown_types: Object.fromEntries(read.unknownTypes),
    unreadable: read.unreadable,
    failure: report.failure,
  };
}

/** The report for people. */
export function formatReport(report: ImportReport, dryRun: boolean): string {
  const { read, executions, answer, skipped, sentUsage: usage } = report;
  const lines = [
    `${count(read.files)} files, ${count(read.lines)} lines, ${count(report.requests)} model requests`,
    `${dryRun ? "would send" : "sent"}: ${count(executions.completed)} completed, ${count(executions.failed)} failed, ` +
      `${count(executions.pending)} still running, ${count(executions.continuations)} continued`,
    `tokens: ${count(usage.input_tokens)} input, ${count(usage.output_tokens)} output, ` +
      `${count(usage.cache_read_tokens)} cache reads, ` +
      `${count(usage.cache_write_5m_tokens + usage.cache_write_1h_tokens)} cache writes`,
  ];
  if (skipped.alreadySent > 0) lines.push(`sent earlier: ${count(skipped.alreadySent)}`);
  if (skipped.recordedByRun > 0)
    lines.push(`${prompts(skipped.recordedByRun)} recorded by netra run already`);
  if (skipped.underWay > 0) {
    lines.push(`${prompts(skipped.underWay)} left for later: netra run is under way`);
  }
  if (skipped.beforeSince > 0) lines.push(`before --since: ${count(skipped.beforeSince)}`);
  if (!dryRun) {
    lines.push(
      `server: ${count(answer.accepted)} stored, ${count(answer.updated)} completed, ` +
        `${count(answer.duplicates)} already there, ${count(answer.rejected.length)} rejected`,
    );
  }
  for (const { id, errors } of answer.rejected.slice(0, 10)) {
    lines.push(
      `  rejected ${id ?? "a record"}: ${errors.map((one) => `${one.pointer} ${one.detail}`).join("; ")}`,
    );
  }
  if (read.badLines > 0) lines.push(`${count(read.badLines)} lines passed over:`);
  for (const { path, line, problem } of read.badLineList.slice(0, 10))
    lines.push(`  ${path}:${line} ${problem}`);
  if (read.badLines > 10) lines.push("  … (more with --json)");
  for (const { path, reason } of read.unreadable) lines.push(`cannot read ${path}: ${reason}`);
  return `${lines.join("\n")}\n`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function prompts(number: number): string {
  return `${count(number)} ${number === 1 ? "prompt" : "prompts"}`;
}
