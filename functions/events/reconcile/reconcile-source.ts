import { type GithubConfig, SOURCE_CONFIGS } from "../../../shared/event-source-config.ts";
import type { ReconcilableSource } from "../../../shared/postgres/event-reconciliation.ts";
import { saveReconciliation } from "../../../shared/postgres/event-reconciliation.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";
import { askAgain } from "./ask-again.ts";
import { createHookClient, GithubFailure, type GithubHookClient, RateLimited } from "./github-deliveries.ts";
import { KEPT_MS } from "./judge-deliveries.ts";
import { OVERLAP_MS, readGaps, readNewest } from "./read-deliveries.ts";
import { firstTriedAt, readState } from "./reconcile-state.ts";
import type { ReconcilerOptions } from "./reconcile-github.ts";
import type { SourceOutcome, Visit } from "./visit.ts";

interface Settings extends ReconcilerOptions {
  fetchTimeoutMs: number;
  /** When no request of this source is begun any more, in milliseconds since 1970. */
  turnEnd: number;
  /** When the run ends, in milliseconds since 1970. */
  until: number;
}

const HOUR_MS = 3_600_000;
const PAGES_MAX = 300;
/** A request that ends this close to the run's end was cut off by it, which is nobody's fault. */
const END_SLACK_MS = 100;
/** GitHub asks for less than 80 requests a minute that make something; what is left comes in the next run. */
const REDELIVERIES_MAX = 200;

/**
 * One source's turn: what is new is read first, then what is due is asked for again, then reading goes on where earlier
 * visits stopped. What was reached is kept however the visit ends. Throws only what the database throws.
 */
export async function reconcileSource(
  sql: Sql,
  source: ReconcilableSource,
  settings: Settings,
): Promise<SourceOutcome> {
  const { now, turnEnd, until, log } = settings;
  const config = SOURCE_CONFIGS.github.safeParse(source.config);
  const { hook, token_ref: reference } = config.success ? config.data : {};
  const state = readState(source.state, hook?.id ?? null);
  const open = new Map(state.open.map((one) => [one.guid, one]));
  const outcome: SourceOutcome = {
    listed: 0,
    missing: 0,
    failed: 0,
    redelivered: 0,
    abandoned: 0,
    errors: 0,
    stopped: null,
  };
  const startedAt = now();
  let visit: Visit | null = null;
  const save = (): Promise<void> => {
    state.open = [...open.values()];
    return saveReconciliation(sql, source.id, { reconciledAt: reconciledAt(state), state });
  };
  try {
    const client = await openHook({ hook, token_ref: reference }, settings);
    visit = {
      sql,
      sourceId: source.id,
      hookId: hook?.id ?? 0,
      client,
      state,
      open,
      listed: new Set(),
      outcome,
      startedAt,
      turnEnd,
      runEnd: until,
      pagesLeft: PAGES_MAX,
      asksLeft: REDELIVERIES_MAX,
      now,
      log,
      save,
    };
    await visitHook(visit, (source.reconciledAt ?? source.createdAt) - HOUR_MS);
  } catch (error) {
    if (!isExpected(error)) throw error;
    if (error instanceof RateLimited) state.paused_until = error.until;
    const isTimeUp = error instanceof GithubFailure && error.status === null && now() >= until - END_SLACK_MS;
    if (!isTimeUp) {
      if (!(error instanceof RateLimited)) outcome.errors += 1;
      outcome.stopped = error;
    }
  }
  if (outcome.stopped instanceof GithubFailure && outcome.stopped.status === 401) {
    settings.secrets.forget(reference ?? "");
  }
  outcome.listed = visit?.listed.size ?? 0;
  // The run's end came before the first answer: that was no turn.
  const hadTurn = visit?.pagesLeft !== PAGES_MAX || now() < until - END_SLACK_MS;
  if (hadTurn) state.visited_at = startedAt;
  forgetSettled(state, open, startedAt);
  await save();
  return outcome;
}

async function visitHook(visit: Visit, first: number): Promise<void> {
  const { startedAt, turnEnd, state } = visit;
  let failure: unknown = null;
  try {
    await readNewest(visit, first);
  } catch (error) {
    // What was read before it is acted upon all the same.
    if (!(error instanceof GithubFailure) || visit.pagesLeft === PAGES_MAX) throw error;
    failure = error;
  }
  const hasGaps = state.gaps.length > 0;
  await askAgain(visit, hasGaps ? startedAt + (turnEnd - startedAt) * 0.75 : turnEnd);
  if (failure !== null) throw failure;
  if (!hasGaps) return;
  await readGaps(visit, () => askAgain(visit, turnEnd));
  await askAgain(visit, turnEnd);
}

/** Until when everything has come or was given up; null while nothing was read. In milliseconds since 1970. */
function reconciledAt({ read_to: readTo, gaps, open }: Visit["state"]): number | null {
  if (readTo === null) return null;
  const awaited = open.filter((one) => !one.is_given_up).map(firstTriedAt);
  return Math.min(readTo, ...gaps.map(({ floor }) => floor), ...awaited);
}

/** What was given up is forgotten once it is not read again. */
function forgetSettled({ read_to: readTo, gaps }: Visit["state"], open: Visit["open"], now: number): void {
  const horizon = gaps.length > 0 || readTo === null ? now - KEPT_MS : readTo - OVERLAP_MS;
  for (const [guid, one] of open) {
    if (one.is_given_up && one.attempts[0].at < horizon) open.delete(guid);
  }
}

/** The source's config or its token is not there. */
class NotSetUp extends Error {
  override readonly name = "NotSetUp";
}

function isExpected(error: unknown): error is RateLimited | GithubFailure | NotSetUp {
  return error instanceof RateLimited || error instanceof GithubFailure || error instanceof NotSetUp;
}

async function openHook(
  { hook, token_ref: reference }: GithubConfig,
  settings: Settings,
): Promise<GithubHookClient> {
  if (hook === undefined || reference === undefined) throw new NotSetUp("the config names no hook and token");
  const { apiUrl, fetchTimeoutMs, until, now } = settings;
  try {
    const token = await settings.secrets.read(reference);
    return createHookClient({ apiUrl, hook, token, fetchTimeoutMs, until, now });
  } catch (cause) {
    throw new NotSetUp("there is no token", { cause });
  }
}
