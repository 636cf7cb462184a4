import { ANALYTICS, ANALYTICS_KINDS, type AnalyticsKind } from "../../shared/analytics.ts";
import { analyticsColumns } from "../../shared/analytics-answers.ts";
import { toCsv } from "../../shared/csv.ts";
import { getAnalytics } from "../analytics.ts";
import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions, wholeNumber } from "../command.ts";
import { getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { formatAnalytics } from "../format-analytics.ts";
import { SummaryError } from "../summary.ts";

const LISTED = ANALYTICS_KINDS.map((kind) => {
  const { groups, orders } = ANALYTICS[kind];
  return `  ${kind.padEnd(13)} by ${groups.join(", ")}\n${" ".repeat(16)}ordered by ${orders.join(", ")}`;
}).join("\n");

export const analyticsCommand: Command = {
  name: "analytics",
  summary: "Ask about trends, costs, the cache, failures, sessions, repositories or models.",
  usage: `Usage: netra analytics WHAT [options]

${LISTED}

  --by GROUP         one of the groups above; the first is taken when it is not given
  --order COLUMN     one of the orders above; figures fall, names and times rise
  --direction DIR    asc or desc
  --from TIME        first day or moment (30 days ago)
  --to TIME          last day, or first moment that no longer counts (today)
  --repository NAME, --model NAME, --command NAME, --status STATUS
                     only runs of these
  --limit N          rows, 1 to 1000 (30)
  --source SOURCE    analytics or ledger; both give the same figures
  --json             print what the server answered as JSON
  --csv              print the rows as CSV, with all columns

${CONNECTION_USAGE}

Exit codes: 0 done · 1 the server refused · 2 wrong command line · 3 the server is away`,
  run: runAnalytics,
};

async function runAnalytics(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    by: { type: "string" },
    order: { type: "string" },
    direction: { type: "string" },
    from: { type: "string" },
    to: { type: "string" },
    repository: { type: "string" },
    model: { type: "string" },
    command: { type: "string" },
    status: { type: "string" },
    limit: { type: "string", default: "30" },
    source: { type: "string" },
    json: { type: "boolean", default: false },
    csv: { type: "boolean", default: false },
  });
  const kind = kindOf(positionals);
  if (values.json && values.csv) throw new UsageError("--json and --csv exclude each other");
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 1_000 });
  const connection = getConnection({ env: io.env, cwd: io.cwd, flags: values }, "insights");
  const { by, order, direction, from, to, repository, model, command, status, source } = values;
  try {
    const answer = await getAnalytics(connection, kind, {
      group_by: by === "command" ? "command_base" : by,
      order,
      direction,
      from,
      to,
      repository,
      model,
      command_base: command,
      status,
      source,
      limit: String(limit),
    });
    if (values.json) io.out(`${JSON.stringify(answer)}\n`);
    else if (values.csv) io.out(toCsv(analyticsColumns(kind), answer.rows));
    else io.out(`From ${answer.from} until ${answer.to}\n\n${formatAnalytics(kind, answer)}`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SummaryError)) throw error;
    io.err(`${io.style("err", "red", "netra:")} ${error.message}\n`);
    return error.away ? EXIT.unreachable : EXIT.failure;
  }
}

function kindOf(positionals: readonly string[]): AnalyticsKind {
  const [name, ...others] = positionals;
  const kind = ANALYTICS_KINDS.find((one) => one === name);
  if (kind === undefined || others.length > 0) {
    throw new UsageError(`analytics takes one of ${ANALYTICS_KINDS.join(", ")}; see netra analytics --help`);
  }
  return kind;
}
