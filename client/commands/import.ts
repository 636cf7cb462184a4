import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions } from "../command.ts";
import { getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { listConfigFolders } from "../import/find-transcripts.ts";
import { createImportState, openImportState } from "../import/import-state.ts";
import type { ImportReport } from "../import/import-transcripts.ts";
import { importTranscripts } from "../import/import-transcripts.ts";
import { formatReport, reportAsJson } from "../import/format-report.ts";
import { createProgress } from "../progress.ts";
import { sendExecutions } from "../send.ts";
import { stateDir } from "../state-dir.ts";

export const importCommand: Command = {
  name: "import",
  summary: "Import Claude Code transcripts: one execution for each prompt.",
  usage: `Usage: netra import [PATH…] [options]

A PATH is a configuration folder of Claude Code, a folder of transcripts or one .jsonl file. Without one: the folders
in CLAUDE_CONFIG_DIR (a comma list), else ~/.claude and ~/.config/claude. Importing again adds what is new, nothing
twice. Only the commands of prompts, with secrets masked, and figures are sent; no other text of the conversation.

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
  const state =
    connection === null
      ? createImportState()
      : openImportState(stateDir(io.env), connection, { forget: values.again });
  const bar = createProgress(io, "importing");
  const report = await importTranscripts({
    paths,
    nowMs: Date.now(),
    sinceMs,
    state,
    send: connection === null ? null : (executions) => sendExecutions(connection, executions),
    onProgress: ({ bytes, bytesTotal, files, filesTotal, executions }) =>
      bar.update(bytes, bytesTotal, `${files}/${filesTotal} files, ${executions} executions sent`),
  }).finally(() => bar.end());

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
