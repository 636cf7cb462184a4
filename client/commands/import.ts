import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions } from "../command.ts";
import { getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { listConfigFolders } from "../import/find-transcripts.ts";
import { createImportState, openImportState } from "../import/import-state.ts";
import { readRecordedRuns } from "../import/recorded-runs.ts";
import type { ImportReport } from "../import/import-transcripts.ts";
import { importTranscripts } from "../import/import-transcripts.ts";
import { formatReport, reportAsJson } from "../import/format-report.ts";
import { createProgress } from "../progress.ts";
import { renewRunNotes } from "../run-notes.ts";
import { sendExecutions } from "../send.ts";
import { targetOf } from "../spool.ts";
import { stateDir } from "../state-dir.ts";

export const importCommand: Command = {
  name: "import",
  summary: "Import Claude Code transcripts: one execution for each prompt.",
  usage: `Usage: netra import [PATH…] [options]

A PATH is a configuration folder of Claude Code, a folder of transcripts or one .jsonl file. Without one: the folders
in CLAUDE_CONFIG_DIR (a comma list), else ~/.claude and ~/.config/claude. Importing again adds what is new, nothing
twice. Only the commands of prompts, with secrets masked, and figures are sent; no other text of the conversation.

What netra run has put on record is left out. That is known from the state folder (NETRA_STATE_DIR, else netra below
XDG_STATE_HOME or ~/.local/state), so import transcripts on the machine, and as the user, whose runs wrote them: from
elsewhere their runs cannot be told from other sessions and are counted again. Runs that printed neither of Claude
Code's JSON formats were recorded without tokens, and their prompts are imported.

  --since TIME       only prompts given at or after this time (a date such as 2026-11-01, or RFC 3339)
  --dry-run          read and count, send nothing
  --again            forget what earlier imports have sent; the server knows what it has
  --json             print the report as JSON

${CONNECTION_USAGE}

Exit codes: 0 done · 1 records were rejected or files unreadable · 2 wrong command line · 3 the server is away`,
  run: runImport,
};

async function runImport(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    since: { type: "string" },
    "dry-run": { type: "boolean", default: false },
    again: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  });
  const sinceMs = values.since === undefined ? null : Date.parse(values.since);
  if (Number.isNaN(sinceMs)) throw new UsageError(`--since must be a date or time, not "${values.since}"`);
  const paths = positionals.length > 0 ? positionals.map((path) => resolve(io.cwd, path)) : ownFolders(io);
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) throw new UsageError(`there is nothing at ${missing}`);

  const dryRun = values["dry-run"];
  const connection = dryRun ? null : getConnection({ env: io.env, cwd: io.cwd, flags: values }, "ingest");
  const folder = stateDir(io.env);
  const state =
    connection === null ? createImportState() : openImportState(folder, connection, { forget: values.again });
  const target = connection === null ? null : targetOf(connection);
  let met: ReadonlySet<string> = new Set();
  const bar = createProgress(io, "importing");
  const report = await importTranscripts({
    paths,
    nowMs: Date.now(),
    sinceMs,
    state,
    listRuns: () => {
      const runs = readRecordedRuns(folder, target);
      met = runs.met;
      return runs;
    },
    send: connection === null ? null : (executions) => sendExecutions(connection, executions),
    onProgress: ({ bytes, bytesTotal, files, filesTotal, executions }) =>
      bar.update(bytes, bytesTotal, `${files}/${filesTotal} files, ${executions} executions sent`),
  }).finally(() => bar.end());
  renewRunNotes(folder, met);

  io.out(values.json ? `${JSON.stringify(reportAsJson(report, dryRun))}\n` : formatReport(report, dryRun));
  return exitCode(report, io);
}

function ownFolders(io: CommandIo): string[] {
  const folders = listConfigFolders(io.env, io.env["HOME"] ?? homedir()).map((path) => resolve(io.cwd, path));
  const there = folders.filter((path) => existsSync(path));
  if (there.length === 0) {
    throw new UsageError(`there are no transcripts in ${folders.join(" or ")}; name a folder or file`);
  }
  return there;
}

function exitCode({ failure, answer, read }: ImportReport, io: CommandIo): number {
  if (failure !== null) {
    io.err(`netra: ${failure.reason}; the same command sends the rest\n`);
    return failure.kind === "away" ? EXIT.unreachable : EXIT.failure;
  }
  return answer.rejected.length > 0 || read.unreadable.length > 0 ? EXIT.failure : EXIT.ok;
}
