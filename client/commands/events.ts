import { findEventBody, findEventDetails } from "../../shared/postgres/event-details.ts";
import { countEventTypes, listEvents } from "../../shared/postgres/event-listing.ts";
import type { Command, CommandIo } from "../command.ts";
import { parseOptions, wholeNumber } from "../command.ts";
import { describeEvent, withoutSecrets } from "../events/describe-event.ts";
import { describeEvents, describeTypes } from "../events/describe-events.ts";
import { completeFilter, readFilter, readIds } from "../events/event-filter.ts";
import type { EventCall } from "../events/event-options.ts";
import { EVENT_OPTIONS } from "../events/event-options.ts";
import { runReplayAction } from "../events/replay-action.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { createInOrganization } from "../in-organization.ts";

export const eventsCommand: Command = {
  name: "events",
  summary: "List the events that came, look into one, process some again.",
  usage: `Usage: netra events list [--source S] [--type PATTERN] [--status LIST] [--since T] [--until T] [--limit N]
       netra events show ID [--body]
       netra events types [--source S] [--type PATTERN] [--status LIST] [--since T] [--until T] [--limit N]
       netra events replay ID… [--dry-run]
       netra events replay --since T [--until T] [--type PATTERN] [--source S] [--status LIST] [--dry-run] [--yes]

A replay makes events pending again; the sweeper picks them up within a minute. Their deliveries to subscribers are made
anew. By id it takes whatever has ended or failed; in a range what failed or was given up, unless --status says otherwise
(ignored takes suspected replays too). Events that wait or are being processed are left alone.

  --source S         name or id of a source, or a kind such as github
  --type PATTERN     a type, with * for any characters: github.pull_request, github.pull_request.opened, slack.*
  --status LIST      of pending, processing, processed, failed, dead_letter and ignored
  --since T          received at or after: 2026-01-31T12:00Z, or how long ago: 30m, 2h, 3d (types: 30d)
  --until T          received before
  --limit N          list: how many (50); types: how many (200)
  --body             show: the body too, as it came; it may hold what its sender keeps private
  --dry-run          replay: say how many of which type and status, and change nothing
  --yes              replay: do not ask
  --organization O   id or slug; by default the local server's, or the only one there is
  --data-dir DIR     where connection.json is (.netra)
  --json             print the outcome as JSON

The database is NETRA_ADMIN_DATABASE_URL, an address with the owner's rights, else that of the local server.

Exit codes: 0 done · 1 failed, or there is no such event · 2 wrong command line`,
  run: runEvents,
};

async function runEvents(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, EVENT_OPTIONS);
  const [action, ...rest] = positionals;
  const source = { env: io.env, cwd: io.cwd, flags: { "data-dir": values["data-dir"] } };
  const call: EventCall = {
    values,
    rest,
    io,
    inOrganization: createInOrganization(source, values.organization, "netra-events"),
  };
  switch (action) {
    case "list":
      return await list(call);
    case "show":
      return await show(call);
    case "types":
      return await types(call);
    case "replay":
      return await runReplayAction(call);
    case undefined:
    default:
      throw new UsageError("say list, show, types or replay; see netra events --help");
  }
}

async function list({ values, rest, io, inOrganization }: EventCall): Promise<number> {
  refuseArguments(rest);
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 10_000 }) ?? 50;
  const draft = readFilter(values, Date.now());
  const events = await inOrganization(
    async (sql, organizationId) =>
      await listEvents(sql, organizationId, await completeFilter(sql, organizationId, draft), limit),
  );
  io.out(values.json ? `${JSON.stringify({ events })}\n` : describeEvents(events));
  return EXIT.ok;
}

async function types({ values, rest, io, inOrganization }: EventCall): Promise<number> {
  refuseArguments(rest);
  const limit = wholeNumber("limit", values.limit, { min: 1, max: 10_000 }) ?? 200;
  const draft = readFilter({ ...values, since: values.since ?? "30d" }, Date.now());
  const counted = await inOrganization(
    async (sql, organizationId) =>
      await countEventTypes(sql, organizationId, await completeFilter(sql, organizationId, draft), limit),
  );
  io.out(values.json ? `${JSON.stringify({ types: counted })}\n` : describeTypes(counted));
  return EXIT.ok;
}

async function show({ values, rest, io, inOrganization }: EventCall): Promise<number> {
  const [id, ...more] = readIds(rest);
  if (id === undefined || more.length > 0) throw new UsageError("show needs the id of one event");
  const found = await inOrganization(async (sql, organizationId) => {
    const event = await findEventDetails(sql, organizationId, id);
    if (event === null) return null;
    const body = values.body ? await findEventBody(sql, organizationId, event) : null;
    return { event: withoutSecrets(event), body };
  });
  if (found === null) {
    io.err(`netra: there is no event ${id}\n`);
    return EXIT.failure;
  }
  const { event, body } = found;
  // Bytes that are no text would not survive a terminal.
  const text = body === null ? null : event.is_text ? body.toString("utf8") : body.toString("base64");
  if (values.json) {
    const shown = text === null ? {} : { [event.is_text ? "body" : "body_base64"]: text };
    io.out(`${JSON.stringify({ event: { ...event, ...shown } })}\n`);
    return EXIT.ok;
  }
  io.out(describeEvent(event));
  if (text !== null) io.out(`\nbody${event.is_text ? "" : " (base64)"}\n${terminalText(text)}\n`);
  return EXIT.ok;
}

function refuseArguments(rest: readonly string[]): void {
  if (rest.length > 0) throw new UsageError(`too many arguments: ${rest.join(" ")}`);
}

/** Line breaks and tabs stay; nothing else may steer the terminal. */
function terminalText(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, " ");
}
