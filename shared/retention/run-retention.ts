import { AppError } from "../errors.ts";
import { describeError } from "../log.ts";
import { listArchives } from "../postgres/retention-archives.ts";
import { type Cutoff, listCutoffs, readServerTime } from "../postgres/retention-policies.ts";
import { listMaintenance, type MaintenanceAdvice } from "../postgres/retention-rows.ts";
import {
  finishRetentionRun,
  insertCountsBefore,
  insertRetentionRun,
  noteRetentionStep,
  saveCountsAfter,
} from "../postgres/retention-runs.ts";
import { connectForRetention, type RetentionConnection, type RetentionTools } from "./connection.ts";
import { type Deferral, makePlan, type PastItem, type Plan, RestrictedLogin } from "./plan.ts";
import { makeMonthsAhead, type MonthsAhead } from "./months-ahead.ts";
import { removePast } from "./remove-past.ts";

export interface RetentionOutcome {
  dry_run: boolean;
  run_id: number | null;
  /** Days are counted back from here: the earlier of both clocks, less two hours for one that is wrong. */
  counted_from: string;
  clock_skew_ms: number;
  months_made: string[];
  /** Months of today and the next that nobody had made; those of this run that could not be made. */
  months_missing: string[];
  months_failed: string[];
  /** What went, by table, organization and month; of a dry run, what would. */
  removed: PastItem[];
  archives: { month: string; state: string; rows: number; location: string | null }[];
  deferred: Deferral[];
  /** Rows that could still be read although they are past their days; null when that was not looked at. */
  past_rows_left: number | null;
  analytics_settings: { ttl_changed: string[]; logs_bounded: string[]; logs_refused: string[] };
  maintenance: MaintenanceAdvice[];
  /** Another run is at work: nothing was done. */
  is_under_way: boolean;
  /** Nothing that is past is left. */
  is_done: boolean;
}

export interface RunOptions {
  tools: RetentionTools;
  dryRun: boolean;
  /** The moment that counts as now, in ms since 1970; of the future only for a dry run. */
  now: number | null;
  runMs: number;
}

const MARGIN_MS = 2 * 3_600_000;
const SKEW_MAX_MS = 5 * 60_000;

/**
 * Applies the policies in steps that may each be cut off and done again. Throws AppError for a moment that is still to
 * come, and what the databases throw.
 */
export async function runRetention(options: RunOptions): Promise<RetentionOutcome> {
  const { tools, dryRun } = options;
  await using connection = await connectForRetention(tools, 0);
  if (connection === null) return { ...emptyOutcome(dryRun), is_under_way: true };
  const server = await connection.run(readServerTime);
  const skew = tools.clock() - server;
  if (Math.abs(skew) > SKEW_MAX_MS)
    tools.log("WARNING", "the clocks of retention and database differ", { clock_skew_ms: Math.round(skew) });
  if (options.now !== null && options.now > server + SKEW_MAX_MS && !dryRun) {
    throw new AppError("bad_request", "only a dry run may look into the future", {
      errors: [{ pointer: "/now", detail: "must not be later than now; add dry_run to see what would go" }],
    });
  }
  const countedFrom = (options.now ?? Math.min(server, tools.clock())) - MARGIN_MS;
  const cutoffs = await connection.run((sql) => listCutoffs(sql, countedFrom));
  const outcome = {
    ...emptyOutcome(dryRun),
    counted_from: new Date(countedFrom).toISOString(),
    clock_skew_ms: Math.round(skew),
  };
  const planOf = (): Promise<Plan> =>
    makePlan({ connection, clickhouse: tools.clickhouse, cutoffs, now: server });
  if (dryRun) {
    const plan = await planOf().catch(asRefusal);
    return {
      ...outcome,
      ...plannedMonths(await makeMonthsAhead(connection, server, true)),
      removed: plan.items,
      deferred: plan.deferred,
      past_rows_left: totalOf(plan),
    };
  }
  // Awaited here: what returns gives the connection back.
  return await runSteps({ ...options, connection, cutoffs, server, planOf, outcome });
}

interface Steps extends RunOptions {
  connection: RetentionConnection;
  cutoffs: readonly Cutoff[];
  server: number;
  planOf: () => Promise<Plan>;
  outcome: RetentionOutcome;
}

async function runSteps(options: Steps): Promise<RetentionOutcome> {
  const { tools, connection, cutoffs, server, planOf, outcome, runMs } = options;
  const runId = await connection.run((sql) =>
    insertRetentionRun(sql, {
      kind: "run",
      subjectId: null,
      countedFrom: Date.parse(outcome.counted_from),
    }),
  );
  outcome.run_id = runId;
  const step = async (name: string): Promise<void> => {
    await connection.run((sql) => noteRetentionStep(sql, runId, name));
    await tools.onStep?.(name);
  };
  try {
    await step("months ahead");
    Object.assign(outcome, plannedMonths(await makeMonthsAhead(connection, server, false)));
    if (outcome.months_missing.length > 0)
      tools.log("WARNING", "months were missing that should have been made ahead", {
        months: outcome.months_missing,
      });
    await step("count what is past");
    const plan = await planOf();
    await connection.run((sql) => insertCountsBefore(sql, runId, plan.counts));
    const until = tools.clock() + runMs;
    const removed = await removePast({ tools, connection, cutoffs, plan, now: server, until, step });
    await step("count what is left");
    const left = await planOf();
    await connection.run((sql) => saveCountsAfter(sql, runId, left.counts));
    outcome.removed = differenceOf(plan, left);
    outcome.analytics_settings = removed.settings;
    outcome.deferred = [...left.deferred, ...removed.deferred];
    outcome.archives = (await connection.run(listArchives)).flatMap(({ id, month, state, location }) => {
      const known = removed.archives.find((one) => one.id === id);
      return known === undefined ? [] : [{ month, state, rows: known.rows, location }];
    });
    outcome.past_rows_left = totalOf(left);
    outcome.maintenance = await connection.run(listMaintenance);
    outcome.is_done =
      outcome.past_rows_left === 0 && outcome.deferred.length === 0 && outcome.months_failed.length === 0;
    await connection.run((sql) =>
      finishRetentionRun(sql, runId, outcome.is_done ? "done" : "incomplete", outcome),
    );
    return outcome;
  } catch (error) {
    // The record of a run that lost its connection is closed by the next one.
    await connection
      .run((sql) => finishRetentionRun(sql, runId, "failed", { ...outcome, ...describeError(error) }))
      .catch((cause: unknown) => tools.log("WARNING", "a failed run was not recorded", describeError(cause)));
    return asRefusal(error);
  }
}

function asRefusal(error: unknown): never {
  if (error instanceof RestrictedLogin) throw new AppError("unavailable", error.message, { cause: error });
  throw error;
}

function plannedMonths(
  ahead: MonthsAhead,
): Pick<RetentionOutcome, "months_made" | "months_missing" | "months_failed"> {
  return { months_made: ahead.made, months_missing: ahead.missing, months_failed: ahead.failed };
}

function totalOf(plan: Plan): number {
  return plan.counts.reduce((sum, { rows }) => sum + rows, 0);
}

function keyOf({ store, table, organization_id, month }: PastItem): string {
  return [store, table, organization_id, month].join(" ");
}

/** What was past before and is not any more. */
function differenceOf(before: Plan, after: Plan): PastItem[] {
  const left = new Map(after.items.map((item) => [keyOf(item), item.rows]));
  return before.items
    .map((item) => ({ ...item, rows: item.rows - (left.get(keyOf(item)) ?? 0) }))
    .filter(({ rows }) => rows > 0);
}

function emptyOutcome(dryRun: boolean): RetentionOutcome {
  return {
    dry_run: dryRun,
    run_id: null,
    counted_from: "",
    clock_skew_ms: 0,
    months_made: [],
    months_missing: [],
    months_failed: [],
    removed: [],
    archives: [],
    deferred: [],
    past_rows_left: null,
    analytics_settings: { ttl_changed: [], logs_bounded: [], logs_refused: [] },
    maintenance: [],
    is_under_way: false,
    is_done: false,
  };
}
