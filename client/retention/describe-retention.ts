import type { Archive } from "../../shared/postgres/retention-archives.ts";
import type { RetentionPolicy } from "../../shared/postgres/retention-policies.ts";
import type { RetentionRun } from "../../shared/postgres/retention-runs.ts";
import type { EraseOutcome } from "../../shared/retention/erase-organization.ts";
import type { RetentionOutcome } from "../../shared/retention/run-retention.ts";
import { type Column, formatTable } from "../table.ts";

const left = (title: string): Column => ({ title, align: "left" });
const right = (title: string): Column => ({ title, align: "right" });

export function describePolicies(policies: readonly RetentionPolicy[]): string {
  return formatTable(
    [left("organization"), left("target"), right("days"), left("then")],
    policies.map(({ organization, target, keep_days, action }) => [
      organization ?? "(default)",
      target,
      String(keep_days),
      action,
    ]),
  );
}

export function describeOutcome(outcome: RetentionOutcome): string {
  const parts: string[] = [];
  if (outcome.removed.length > 0) {
    parts.push(
      formatTable(
        [left("store"), left("table"), left("month"), right("rows"), left("then"), left("organization")],
        outcome.removed.map((item) => [
          item.store,
          item.table,
          item.month?.slice(0, 7) ?? "",
          String(item.rows),
          item.action,
          item.organization_id,
        ]),
      ),
    );
  }
  const verb = outcome.dry_run ? "would be" : "were";
  const total = outcome.removed.reduce((sum, { rows }) => sum + rows, 0);
  parts.push(`${total} rows past their days ${verb} removed.\n`);
  for (const { month, state, rows, location } of outcome.archives)
    parts.push(
      `${month.slice(0, 7)}: ${rows} executions ${state}${location === null ? "" : ` at ${location}`}\n`,
    );
  if (outcome.months_made.length > 0)
    parts.push(`${outcome.months_made.length} months ${verb} made ahead.\n`);
  for (const { table, month, reason } of outcome.deferred)
    parts.push(
      `left for now: ${table}${month === null ? "" : ` of ${month.slice(0, 7)}`}: ${REASONS[reason] ?? reason}\n`,
    );
  for (const { statement, reason } of outcome.maintenance) parts.push(`advice: ${statement} -- ${reason}\n`);
  if (!outcome.dry_run && outcome.past_rows_left === 0) parts.push("Nothing past its days can be read.\n");
  return parts.join("");
}

const REASONS: Readonly<Record<string, string>> = {
  not_delivered: "the analytics copy does not have all of it yet",
  not_counted: "patterns have not counted all of it yet; has the patterns function run?",
  patterns_busy: "patterns are being counted",
  ledger_busy: "others held the ledger",
  analytics_away: "ClickHouse did not answer",
  archive_away: "the place of archives did not answer; the archive's tables stay",
  archive_damaged: "the files were not read back as they were written; the archive's tables stay",
};

export function describeStatus(runs: readonly RetentionRun[], archives: readonly Archive[]): string {
  const runTable = formatTable(
    [right("run"), left("kind"), left("state"), left("started"), left("last step")],
    runs.map((run) => [
      String(run.id),
      run.kind,
      run.state,
      run.started_at.toISOString().slice(0, 16),
      run.step ?? "",
    ]),
  );
  const archiveTable = formatTable(
    [left("month"), left("state"), left("manifest")],
    archives.map(({ month, state, location }) => [month.slice(0, 7), state, location ?? ""]),
  );
  return `${runs.length === 0 ? "there were no runs yet\n" : runTable}${archives.length === 0 ? "" : `\n${archiveTable}`}`;
}

export function describeErasure(outcome: EraseOutcome): string {
  const table = formatTable(
    [left("store"), left("table"), right("before"), right("after")],
    outcome.tables.map((one) => [one.store, one.table, String(one.rows_before), String(one.rows_after)]),
  );
  const end = outcome.is_done
    ? `Nothing is left of ${outcome.organization_id}; the record is run ${outcome.run_id}.\n`
    : `Not all is gone: ${outcome.waiting} statements wait for the analytics copy. Run the same again when the relay has delivered.\n`;
  return `${outcome.tables.length === 0 ? "" : table}${end}`;
}
