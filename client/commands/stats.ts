import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions, wholeNumber } from "../command.ts";
import { getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { formatSummary } from "../format-summary.ts";
import { getSummary, SummaryError } from "../summary.ts";

const GROUPS = new Set(["model", "command_base", "day", "hour", "status", "repository", "session"]);

export const statsCommand: Command = {
  name: "stats",
  summary: "Show what was run, what it used and what it cost.",
  usage: `Usage: netra stats [options]

  --by GROUP         model, command, day, hour, status, repository or session; several with commas (model,command)
  --from TIME        first day or moment (30 days ago)
  --to TIME          last day, or first moment that no longer counts (today)
  --limit N          rows of a table, 1 to 1000 (15)
  --source SOURCE    analytics or ledger; both give the same figures
  --json             print what the server answered as JSON, one object for each --by

${CONNECTION_USAGE}

Exit codes: 0 done · 1 the server refused · 2 wrong command line · 3 the server is away`,
  run: runStats,
};

async function runStats(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    by: { type: "string", default: "model,command" },
    from: { type: "string" },
    to: { type: "string" },
    limit: { type: "string", default: "15" },
    source: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (positionals.length > 0) throw new UsageError(`stats takes no argument "${positionals[0]}"`);
  const groups = values.by.split(",").map(groupOf);
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 1_000 });
  const connection = getConnection({ env: io.env, cwd: io.cwd, flags: values }, "insights");
  const { from, to, source } = values;
  try {
    for (const [at, group_by] of groups.entries()) {
      const summary = await getSummary(connection, { from, to, source, group_by, limit: String(limit) });
      if (values.json) io.out(`${JSON.stringify(summary)}\n`);
      else io.out(`${at > 0 ? "\n" : heading(summary.from, summary.to)}${formatSummary(summary)}`);
    }
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SummaryError)) throw error;
    io.err(`${io.style("err", "red", "netra:")} ${error.message}\n`);
    return error.away ? EXIT.unreachable : EXIT.failure;
  }
}

function groupOf(text: string): string {
  const name = text.trim();
  const group = name === "command" ? "command_base" : name;
  if (!GROUPS.has(group)) throw new UsageError(`--by cannot be "${name}"; see netra stats --help`);
  return group;
}

function heading(from: string, to: string): string {
  return `From ${from} until ${to}\n\n`;
}
