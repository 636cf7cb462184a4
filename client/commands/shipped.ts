import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions, wholeNumber } from "../command.ts";
import { getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { formatShipped } from "../format-shipped.ts";
import { getShipped } from "../shipped.ts";
import { SummaryError } from "../summary.ts";

const KINDS = new Map([
  ["pull_request", "pull_request"],
  ["pull-request", "pull_request"],
  ["pr", "pull_request"],
  ["issue", "issue"],
  ["deployment", "deployment"],
  ["repository", "repository"],
]);

export const shippedCommand: Command = {
  name: "shipped",
  summary: "Show what came of it: cost by pull request, issue, deployment or repository.",
  usage: `Usage: netra shipped [options]

  --by KIND          pull_request (or pr), issue, deployment or repository (pull_request)
  --from TIME        first day or moment (30 days ago)
  --to TIME          last day, or first moment that no longer counts (today)
  --repository NAME  only what belongs to this repository (owner/name, or its address)
  --person NAME      only what this person ran
  --state STATE      only what is in this state, such as merged, open, completed
  --environment NAME which deployments count (those named prod… or live…)
  --limit N          rows, 1 to 1000 (20)
  --json             print what the server answered as JSON

${CONNECTION_USAGE}

Exit codes: 0 done · 1 the server refused · 2 wrong command line · 3 the server is away`,
  run: runShipped,
};

async function runShipped(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    by: { type: "string", default: "pull_request" },
    from: { type: "string" },
    to: { type: "string" },
    repository: { type: "string" },
    person: { type: "string" },
    state: { type: "string" },
    environment: { type: "string" },
    limit: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
  });
  if (positionals.length > 0) throw new UsageError(`shipped takes no argument "${positionals[0]}"`);
  const by = KINDS.get(values.by);
  if (by === undefined) throw new UsageError(`--by cannot be "${values.by}"; see netra shipped --help`);
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 1_000 });
  const connection = getConnection({ env: io.env, cwd: io.cwd, flags: values }, "insights");
  const { from, to, repository, person, state, environment } = values;
  try {
    const question = { by, from, to, repository, person, state, environment, limit: String(limit) };
    const answer = await getShipped(connection, question);
    if (values.json) io.out(`${JSON.stringify(answer)}\n`);
    else io.out(`From ${answer.from} until ${answer.to}\n\n${formatShipped(answer)}`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SummaryError)) throw error;
    io.err(`${io.style("err", "red", "netra:")} ${error.message}\n`);
    return error.away ? EXIT.unreachable : EXIT.failure;
  }
}
