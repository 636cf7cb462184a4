import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions, wholeNumber } from "../command.ts";
import { getConnection } from "../connection.ts";
import type { Flush } from "../deliver.ts";
import { flushSpool } from "../deliver.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { finishOrphans } from "../pending.ts";
import { openSpool } from "../spool.ts";
import { stateDir } from "../state-dir.ts";

const MINUTE_MS = 60_000;

export const flushCommand: Command = {
  name: "flush",
  summary: "Send the records that wait on disk because the server was away.",
  usage: `Usage: netra flush [options]

Runs that were killed together with their client are closed as failed first. Running it twice, or twice at once, stores
nothing twice. Records the server rejects are moved to spool/rejected in the state folder, with its reasons.

  --all              also what was meant for another server or key
  --deadline SEC     give up after this time (120)
  --json             print the outcome as JSON

${CONNECTION_USAGE}

The state folder is NETRA_STATE_DIR, else netra below XDG_STATE_HOME or ~/.local/state.

Exit codes: 0 nothing is left · 1 records were rejected · 2 wrong command line · 3 the server is away`,
  run: runFlush,
};

async function runFlush(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    all: { type: "boolean", default: false },
    deadline: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (positionals.length > 0) throw new UsageError(`flush takes no argument "${positionals[0]}"`);
  const deadline = wholeNumber("deadline", values.deadline, { min: 1, max: 86_400 }) ?? 120;
  const connection = getConnection({ env: io.env, cwd: io.cwd, flags: values }, "ingest");
  const folder = stateDir(io.env);
  const spool = openSpool(folder);
  const orphans = finishOrphans(folder, spool);
  const until = Date.now() + deadline * 1_000;
  const deadlineMs = Math.min(deadline * 1_000, MINUTE_MS);
  const flush = await flushSpool(spool, connection, { everything: values.all, deadlineMs, until });
  if (values.json) io.out(`${JSON.stringify({ ...flush, closedRuns: orphans.closed })}\n`);
  else io.out(describe(flush, orphans.closed));
  for (const one of flush.answer.rejected) {
    const reasons = one.errors.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join("; ");
    io.err(`netra: the server rejected ${one.id ?? "a record"}: ${reasons}\n`);
  }
  if (flush.batchesForOthers > 0) {
    io.err(
      `netra: ${flush.batchesForOthers} batch(es) are for another server or key; --all sends them here\n`,
    );
  }
  if (flush.reason !== null) {
    io.err(`netra: ${flush.reason}; ${flush.batchesLeft} batch(es) stay on disk\n`);
    return EXIT.unreachable;
  }
  return flush.answer.rejected.length > 0 ? EXIT.failure : EXIT.ok;
}

function describe({ answer, batchesLeft }: Flush, closedRuns: number): string {
  const parts = [`${answer.accepted} stored`];
  if (answer.updated > 0) parts.push(`${answer.updated} completed`);
  if (answer.duplicates > 0) parts.push(`${answer.duplicates} already there`);
  if (answer.rejected.length > 0) parts.push(`${answer.rejected.length} rejected`);
  if (closedRuns > 0) parts.push(`${closedRuns} killed run(s) closed as failed`);
  parts.push(batchesLeft === 0 ? "nothing left" : `${batchesLeft} batch(es) left`);
  return `${parts.join(", ")}\n`;
}
