import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions, wholeNumber } from "../command.ts";
import { type Connection, getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { decideFinding, getFindings, type ListedFinding } from "../findings/findings.ts";
import { formatFinding, formatFindings } from "../findings/format-findings.ts";
import { formatCost } from "../format-summary.ts";
import { SummaryError } from "../summary.ts";

export const insightsCommand: Command = {
  name: "insights",
  summary: "Show what would save money, and keep track of what was done about it.",
  usage: `Usage: netra insights [options]
       netra insights show ID
       netra insights ack ID [--note TEXT]
       netra insights mute ID --until DATE [--note TEXT]
       netra insights done ID [--note TEXT]
       netra insights reopen ID [--note TEXT]

Lists findings, the most money a month first. ack says that somebody looks after it, mute hides it until a date, done
says that the advice was followed: from then on the real saving is measured and shown beside the promised one. reopen
takes either back. Decisions need a key with the scope admin.

  --days N           how far back, 1 to 90 (30)
  --to TIME          last day, or first moment that no longer counts (now)
  --rule RULE        cache_never_reused, cache_idle_gaps, price_cliff, cheaper_model, repeated_failures,
                     runaway_sessions, cost_change, no_result, price_drift or unpriced_models
  --state STATE      open, acknowledged, muted, done or all (all but muted)
  --min-usd USD      only what saves at least this much a month
  --repository R     only what is about this repository
  --limit N          findings, 1 to 500 (50)
  --until DATE       mute: the last day, or the moment it ends
  --note TEXT        kept with the decision, at most 2000 characters
  --json             print what the server answered as JSON

${CONNECTION_USAGE}

Exit codes: 0 done · 1 the server refused, or there is no such finding · 2 wrong command line · 3 the server is away`,
  run: runInsights,
};

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  days: { type: "string" },
  to: { type: "string" },
  rule: { type: "string" },
  state: { type: "string" },
  "min-usd": { type: "string" },
  repository: { type: "string" },
  limit: { type: "string" },
  until: { type: "string" },
  note: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

const ACTIONS: Readonly<Record<string, string>> = {
  ack: "acknowledge",
  mute: "mute",
  done: "done",
  reopen: "reopen",
};
const PAGES_MAX = 10;

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>["values"];

async function runInsights(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  const [verb, ...ids] = positionals;
  const days = wholeNumber("days", values.days, { min: 1, max: 90 });
  const connection = (): Connection => getConnection({ env: io.env, cwd: io.cwd, flags: values }, "insights");
  try {
    if (verb === undefined) return await list(connection(), values, io);
    if (verb === "show") return await show(connection(), values, idOf(verb, ids), io);
    const action = Object.hasOwn(ACTIONS, verb) ? ACTIONS[verb] : undefined;
    if (action === undefined)
      throw new UsageError(`insights cannot "${verb}"; it can show, ack, mute, done and reopen`);
    const finding = idOf(verb, ids);
    if (action === "mute" && values.until === undefined) throw new UsageError("mute needs --until DATE");
    if (action !== "mute" && values.until !== undefined) throw new UsageError("--until goes with mute only");
    const { until, note } = values;
    const decided = await decideFinding(connection(), { finding, action, until, note, days });
    io.out(values.json ? `${JSON.stringify(decided)}\n` : sentence(decided));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SummaryError)) throw error;
    io.err(`${io.style("err", "red", "netra:")} ${error.message}\n`);
    return error.away ? EXIT.unreachable : EXIT.failure;
  }
}

function idOf(verb: string, ids: readonly string[]): string {
  const [id, ...more] = ids;
  if (id === undefined || more.length > 0) throw new UsageError(`${verb} needs the id of one finding`);
  return id;
}

async function list(connection: Connection, values: Values, io: CommandIo): Promise<number> {
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 500 }) ?? 50;
  const answer = await getFindings(connection, { ...question(values), limit: String(limit) });
  io.out(values.json ? `${JSON.stringify(answer)}\n` : formatFindings(answer));
  return EXIT.ok;
}

async function show(connection: Connection, values: Values, id: string, io: CommandIo): Promise<number> {
  const finding = await findFinding(connection, { ...question(values), state: "all" }, id);
  if (finding === null) {
    io.err(`netra: there is no finding ${id} in the last ${values.days ?? "30"} days\n`);
    return EXIT.failure;
  }
  io.out(values.json ? `${JSON.stringify(finding)}\n` : formatFinding(finding));
  return EXIT.ok;
}

async function findFinding(
  connection: Connection,
  parameters: Readonly<Record<string, string | undefined>>,
  id: string,
): Promise<ListedFinding | null> {
  let token: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await getFindings(
      connection,
      token === undefined ? { ...parameters, limit: "500" } : { limit: "500", page_token: token },
    );
    const found = answer.findings.find((finding) => finding.id === id);
    if (found !== undefined) return found;
    if (answer.next_page_token === null) return null;
    token = answer.next_page_token;
  }
  return null;
}

function question(values: Values): Record<string, string | undefined> {
  const { days, to, rule, state, repository } = values;
  return { days, to, rule, state, min_usd: values["min-usd"], repository };
}

function sentence({
  finding,
  state,
  changed,
  muted_until,
  promised_usd_per_month,
}: Awaited<ReturnType<typeof decideFinding>>): string {
  const extra =
    state === "muted"
      ? ` until ${muted_until ?? ""}`
      : state === "done" && promised_usd_per_month !== null
        ? `, ${formatCost(promised_usd_per_month)} a month promised`
        : "";
  return `${finding} is ${changed ? "now" : "already"} ${state}${extra}\n`;
}
