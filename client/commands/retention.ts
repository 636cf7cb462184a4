import { listArchives } from "../../shared/postgres/retention-archives.ts";
import { listRetentionRuns } from "../../shared/postgres/retention-runs.ts";
import { readMonth, restoreMonth } from "../../shared/retention/restore-month.ts";
import { runRetention } from "../../shared/retention/run-retention.ts";
import { withDatabase } from "../admin-database.ts";
import type { Command, CommandIo } from "../command.ts";
import { parseOptions, wholeNumber } from "../command.ts";
import { getAdminDatabaseUrl } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { describeOutcome, describeStatus } from "../retention/describe-retention.ts";
import { runEraseAction } from "../retention/erase-action.ts";
import { runPoliciesAction } from "../retention/policies-action.ts";
import { RETENTION_OPTIONS, type RetentionCall } from "../retention/retention-options.ts";
import { withTools } from "../retention/with-tools.ts";

export const retentionCommand: Command = {
  name: "retention",
  summary: "Say how long things are kept, remove what is past, restore, erase.",
  usage: `Usage: netra retention policies
       netra retention policies set TARGET DAYS [--action archive|delete] [--organization O]
       netra retention policies unset TARGET --organization O
       netra retention run [--dry-run] [--now T]
       netra retention status [--limit N]
       netra retention restore YYYY-MM [--days N]
       netra retention erase --organization O [--yes]

A policy without an organization is the default. run does what the scheduler has done each night; with --dry-run it shows
exactly what would go. restore puts an archived month of executions back, where it stays for N days (30). erase removes
everything of an organization from both databases and all archives, for good, and then looks everywhere once more.

  --action A         of executions: archive, or delete
  --dry-run          run: change nothing
  --now T            run: count days back from this moment (RFC 3339); of the future only with --dry-run
  --days N           restore: how long the month stays (30)
  --limit N          status: how many runs (20)
  --wait-seconds N   erase: how long functions may still know a revoked key (65)
  --yes              erase: do not ask
  --organization O   id or slug
  --data-dir DIR     where connection.json is (.netra)
  --json             print the outcome as JSON

The databases are NETRA_ADMIN_DATABASE_URL, an address with the owner's rights, and CLICKHOUSE_URL, else those of the local
server. NETRA_ARCHIVE says where archives are exported to, as for the function: table (default), a folder, or
gs://bucket/prefix.

Exit codes: 0 done · 1 failed, or something is left for the next run · 2 wrong command line`,
  run,
};

async function run(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, RETENTION_OPTIONS);
  const [action, ...rest] = positionals;
  const source = { env: io.env, cwd: io.cwd, flags: { "data-dir": values["data-dir"] } };
  const call: RetentionCall = { values, rest, io, source };
  if (action !== "policies" && action !== "restore" && rest.length > 0)
    throw new UsageError(`too many arguments: ${rest.join(" ")}`);
  switch (action) {
    case "policies":
      return await runPoliciesAction(call);
    case "run":
      return await runNow(call);
    case "status":
      return await status(call);
    case "restore":
      return await restore(call);
    case "erase":
      return await runEraseAction(call);
    case undefined:
    default:
      throw new UsageError("say policies, run, status, restore or erase; see netra retention --help");
  }
}

const RUN_MS = 3_600_000;

async function runNow(call: RetentionCall): Promise<number> {
  const { values, io } = call;
  const now = values.now === undefined ? null : Date.parse(values.now);
  if (Number.isNaN(now)) throw new UsageError("--now must be a time such as 2026-01-31T00:00:00Z");
  const outcome = await withTools(call, (tools) =>
    runRetention({ tools, dryRun: values["dry-run"], now, runMs: RUN_MS }),
  );
  if (outcome.is_under_way) {
    io.err("netra: a run is at work already\n");
    return EXIT.failure;
  }
  io.out(values.json ? `${JSON.stringify(outcome)}\n` : describeOutcome(outcome));
  return outcome.is_done || outcome.dry_run ? EXIT.ok : EXIT.failure;
}

async function status({ values, io, source }: RetentionCall): Promise<number> {
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 1_000 }) ?? 20;
  return await withDatabase(getAdminDatabaseUrl(source), "netra-retention", async (sql) => {
    const runs = await listRetentionRuns(sql, limit);
    const archives = await listArchives(sql);
    io.out(values.json ? `${JSON.stringify({ runs, archives })}\n` : describeStatus(runs, archives));
    return EXIT.ok;
  });
}

async function restore(call: RetentionCall): Promise<number> {
  const { values, rest, io } = call;
  const [text, ...more] = rest;
  const month = text === undefined || more.length > 0 ? null : readMonth(text, Date.now());
  if (month === null) throw new UsageError("restore needs one month that has ended, such as 2026-03");
  const days = wholeNumber("days", values.days, { min: 1, max: 3_650 }) ?? 30;
  const outcome = await withTools(call, (tools) => restoreMonth(tools, { month, days }));
  io.out(
    values.json
      ? `${JSON.stringify(outcome)}\n`
      : `${outcome.rows} executions of ${month.slice(0, 7)} are back until ${outcome.held_until.slice(0, 10)}.\n`,
  );
  return EXIT.ok;
}
