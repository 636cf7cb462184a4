import { setBounded } from "../../../shared/bounded-map.ts";
import { type GithubConfig, SOURCE_CONFIGS } from "../../../shared/event-source-config.ts";
import { describeError } from "../../../shared/log.ts";
import type { ReconcilableSource } from "../../../shared/postgres/event-reconciliation.ts";
import { advanceReconciledAt, listKnownDeliveries } from "../../../shared/postgres/event-reconciliation.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";
import {
  createHookClient,
  GithubFailure,
  type GithubHookClient,
  type HookDelivery,
  RateLimited,
} from "./github-deliveries.ts";
import { type DeliveryGroup, firstTriedAt, groupDeliveries, judgeDelivery } from "./judge-deliveries.ts";
import type { ReconcilerOptions } from "./reconcile-github.ts";

/** When a delivery was last asked for, by source and guid; in milliseconds since 1970. */
export type Asked = Map<string, number>;

interface Settings extends ReconcilerOptions {
  fetchTimeoutMs: number;
  /** When the run ends, in milliseconds since 1970. */
  until: number;
  asked: Asked;
}

export interface SourceOutcome {
  listed: number;
  missing: number;
  failed: number;
  redelivered: number;
  errors: number;
  /** What kept it from looking at everything; null when nothing did. */
  stopped: Error | null;
}

const HOUR_MS = 3_600_000;
/** GitHub keeps deliveries, and repeats them, for three days. */
const KEPT_MS = 72 * HOUR_MS;
const PAGES_MAX = 300;
/** GitHub asks for less than 80 requests a minute that make something; what is left comes in the next run. */
const REDELIVERIES_MAX = 200;
const ASKED_MS = 10 * 60_000;
const ASKED_MAX = 100_000;

/** One source's turn. Throws only what the database throws. */
export async function reconcileSource(
  sql: Sql,
  source: ReconcilableSource,
  settings: Settings,
): Promise<SourceOutcome> {
  const outcome: SourceOutcome = {
    listed: 0,
    missing: 0,
    failed: 0,
    redelivered: 0,
    errors: 0,
    stopped: null,
  };
  const startedAt = settings.now();
  const since = Math.max(startedAt - KEPT_MS, (source.reconciledAt ?? source.createdAt) - HOUR_MS);
  const config = SOURCE_CONFIGS.github.safeParse(source.config);
  try {
    const { client, hookId } = await openHook(config.success ? config.data : {}, settings);
    const window = await readWindow(client, since);
    const groups = groupDeliveries(window).filter(({ attempts: [newest] }) => newest.deliveredAt >= since);
    outcome.listed = groups.length;
    const openSince = await redeliver(sql, source, { client, hookId, groups }, { settings, outcome });
    await advanceReconciledAt(sql, source.id, Math.min(startedAt, openSince));
  } catch (error) {
    if (!(error instanceof RateLimited || error instanceof GithubFailure || error instanceof NotSetUp))
      throw error;
    if (error instanceof GithubFailure && error.status === 401)
      settings.secrets.forget(config.data?.token_ref ?? "");
    if (!(error instanceof RateLimited)) outcome.errors += 1;
    outcome.stopped = error;
  }
  return outcome;
}

/** The source's config or its token is not there. */
class NotSetUp extends Error {
  override readonly name = "NotSetUp";
}

async function openHook(
  { hook, token_ref: reference }: GithubConfig,
  settings: Settings,
): Promise<{ client: GithubHookClient; hookId: number }> {
  if (hook === undefined || reference === undefined) throw new NotSetUp("the config names no hook and token");
  const { apiUrl, fetchTimeoutMs, until, now } = settings;
  try {
    const token = await settings.secrets.read(reference);
    return {
      client: createHookClient({ apiUrl, hook, token, fetchTimeoutMs, until, now }),
      hookId: hook.id,
    };
  } catch (cause) {
    throw new NotSetUp("there is no token", { cause });
  }
}

/** Everything since then. Throws when that is more than can be read: a part of it proves nothing about the rest. */
async function readWindow(client: GithubHookClient, since: number): Promise<HookDelivery[]> {
  const all: HookDelivery[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page: Awaited<ReturnType<GithubHookClient["list"]>> = await client.list(cursor);
    all.push(...page.deliveries);
    const oldest = page.deliveries.at(-1);
    if (page.next === null || oldest === undefined || oldest.deliveredAt < since) return all;
    cursor = page.next;
  }
  throw new GithubFailure("the hook has more deliveries than are read at once", null);
}

/** Asks again for what is not here. Returns since when something is still open, in milliseconds since 1970. */
async function redeliver(
  sql: Sql,
  source: ReconcilableSource,
  { client, hookId, groups }: { client: GithubHookClient; hookId: number; groups: readonly DeliveryGroup[] },
  { settings, outcome }: { settings: Settings; outcome: SourceOutcome },
): Promise<number> {
  const { asked, now, log } = settings;
  const keyOf = (guid: string): string => `${hookId}:${guid}`;
  const known = await listKnownDeliveries(
    sql,
    source.id,
    groups.map(({ guid }) => keyOf(guid)),
  );
  let openSince = Number.POSITIVE_INFINITY;
  let givenUp = 0;
  let requests = 0;
  for (const group of groups) {
    const verdict = judgeDelivery(group, known.has(keyOf(group.guid)), now());
    if (verdict === "given up") givenUp += 1;
    if (verdict === "fine" || verdict === "given up") continue;
    openSince = Math.min(openSince, firstTriedAt(group));
    if (verdict === "waiting") continue;
    outcome[verdict] += 1;
    const askedKey = `${source.id} ${group.guid}`;
    const isAsked = now() - (asked.get(askedKey) ?? Number.NEGATIVE_INFINITY) < ASKED_MS;
    if (isAsked || requests >= REDELIVERIES_MAX) continue;
    requests += 1;
    try {
      await client.redeliver(group.attempts[0].id);
      setBounded(asked, askedKey, now(), ASKED_MAX);
      outcome.redelivered += 1;
    } catch (error) {
      // One that cannot be had must not keep the others from being asked for.
      if (!(error instanceof GithubFailure) || !isAboutOne(error.status)) throw error;
      outcome.errors += 1;
      log("WARNING", "GitHub does not deliver an event again", {
        source_id: source.id,
        status: error.status,
        ...describeError(error),
      });
    }
  }
  if (givenUp > 0) {
    log("WARNING", "deliveries that failed five times are left", { source_id: source.id, events: givenUp });
  }
  return openSince;
}

function isAboutOne(status: number | null): boolean {
  return status === 400 || status === 404 || status === 410 || status === 422;
}
