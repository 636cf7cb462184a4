import type { CommandIo } from "./command.ts";
import type { HealthReport, HealthStatus } from "./health-report.ts";
import { plainText } from "./plain-text.ts";

const COLOURS = { ok: "green", warning: "yellow", critical: "red", unknown: "magenta" } as const;
const WORST_FIRST: readonly HealthStatus[] = ["critical", "warning", "unknown", "ok"];

/** The checks as lines, the worst first, each with its next step below it; then the alerts that are open. */
export function formatHealth(report: HealthReport, io: CommandIo): string {
  const width = Math.max(...report.checks.map(({ name }) => name.length));
  const paint = (status: HealthStatus, text: string): string => io.style("out", COLOURS[status], text);
  const lines = [`${paint(report.status, report.status)}, as of ${plainText(report.checked_at)}`, ""];
  for (const wanted of WORST_FIRST) {
    for (const { name, status, message, next_step: step } of report.checks) {
      if (status !== wanted) continue;
      lines.push(
        `${paint(status, status.padEnd(8))}  ${plainText(name).padEnd(width)}  ${plainText(message)}`,
      );
      if (step !== null) lines.push(`${" ".repeat(width + 12)}→ ${plainText(step)}`);
    }
  }
  if (report.alerts !== null && report.alerts.length > 0) {
    lines.push("", `${report.alerts.length} open alerts:`);
    for (const { rule, subject, severity, opened_at: since } of report.alerts) {
      lines.push(
        `  ${plainText(severity)}  ${plainText(rule)} (${plainText(subject)}) since ${plainText(since)}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}
