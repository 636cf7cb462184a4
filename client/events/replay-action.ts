import { EXIT, UsageError } from "../exit-codes.ts";
import { confirm } from "../read-stdin.ts";
import { describePlan } from "./describe-events.ts";
import type { FilterDraft } from "./event-filter.ts";
import { completeFilter, readFilter, readIds } from "./event-filter.ts";
import type { EventCall, EventValues } from "./event-options.ts";
import { planReplay, runReplay } from "./replay-events.ts";

/** `netra events replay` */
export async function runReplayAction({ values, rest, io, inOrganization }: EventCall): Promise<number> {
  const draft = readReplay(values, rest);
  const plan = await inOrganization(
    async (sql, organizationId) =>
      await planReplay(sql, organizationId, await completeFilter(sql, organizationId, draft)),
  );
  const { events, counts } = plan;
  if (values["dry-run"]) {
    io.out(values.json ? `${JSON.stringify({ would_replay: events, counts })}\n` : describePlan(plan));
    if (!values.json) io.err(`${events} events would be replayed; nothing was changed.\n`);
    return EXIT.ok;
  }
  if (draft.ids !== null && events === 0) {
    io.err("netra: there is no such event that has ended or failed\n");
    return EXIT.failure;
  }
  if (events > 1 && !values.yes) {
    io.err(describePlan(plan));
    const answer = await confirm(io, `Replay ${events} events?`);
    if (answer === null)
      throw new UsageError(`${events} events would be replayed: add --yes, or --dry-run to look first`);
    if (!answer) return EXIT.failure;
  }
  const replayed = await runReplay(inOrganization, plan);
  io.out(
    values.json
      ? `${JSON.stringify({ replayed, counts })}\n`
      : `${replayed} ${replayed === 1 ? "event is" : "events are"} pending again; the sweeper picks them up within a minute.\n`,
  );
  if (draft.ids !== null && replayed < draft.ids.length) {
    io.err(`${draft.ids.length - replayed} of the ids were left: not there, or waiting already.\n`);
  }
  return EXIT.ok;
}

/** By id whatever the status; else a range, and in it what is in trouble unless the options say otherwise. */
function readReplay(values: EventValues, ids: readonly string[]): FilterDraft {
  const now = Date.now();
  const draft = readFilter(values, now);
  if (ids.length > 0) {
    if (ids.length > 1_000) throw new UsageError("at most 1000 ids at once");
    return { ...draft, ids: [...new Set(readIds(ids))] };
  }
  if (draft.since === null) throw new UsageError("replay needs ids, or a range with --since");
  const statuses = draft.statuses ?? ["failed" as const, "dead_letter" as const];
  if (statuses.every((status) => status === "pending" || status === "processing"))
    throw new UsageError("what is pending or processing needs no replay");
  return { ...draft, statuses, until: draft.until ?? new Date(now) };
}
