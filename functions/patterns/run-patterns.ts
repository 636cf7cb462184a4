import { setTimeout as delay } from "node:timers/promises";
import {
  findPatternState,
  listPatternMonths,
  type PatternState,
  readSnapshot,
  readUnseenSince,
  savePatternState,
  type StoredState,
  summarizeUpdatedExecutions,
  takeDirtyDays,
  tryLockPatterns,
  unlockPatterns,
} from "../../shared/postgres/pattern-state.ts";
import { markForReplay } from "../../shared/postgres/prediction-state.ts";
import type { Pool, Sql } from "../../shared/postgres/pool.ts";
import { applyScan, type ScanOutcome } from "./apply-scan.ts";
import {
  learnPredictions,
  type LearningOutcome,
  type PastBounds,
  replayDirtyDays,
} from "./learning/learn-predictions.ts";
import { inMonth, isUnseen, notIn, onDays } from "./scan-filters.ts";
import { firstDayOfWindow, monthOf } from "./utc-days.ts";
import { connectForJob, type JobConnection } from "./job-connection.ts";
import { moveWindow, rebuildWindows } from "./windows.ts";
import { createSignatures, type Signatures } from "./signatures.ts";

export interface PatternsOutcome extends LearningOutcome {
  mode: "incremental" | "full";
  /** Executions that were looked at; those of a day that is counted anew are looked at again. */
  scanned: number;
  /** Organizations' days whose roll-ups changed. */
  days: number;
  rollups_written: number;
  patterns_written: number;
  patterns_removed: number;
  recounted_months: number;
  recounted_days: number;
  steps: number;
  /** Another run was at work: nothing was done. */
  is_under_way: boolean;
  /** False when time was over before all was counted and learned, or another run is under way. */
  is_done: boolean;
}

interface RunOptions {
  pool: Pool;
  mode: "incremental" | "full";
  /** Count patterns alone, or learn for predictions alone. */
  only: "patterns" | "predictions" | undefined;
  /** Of what predictions learn anew. */
  past: PastBounds;
  /** The moment whose UTC day ends the window of 30 days, in ms since 1970. */
  now: number;
  clock: () => number;
  runMs: number;
}

const LOCK_POLL_MS = 250;
/** A full run comes once a night: it waits for an incremental one that is just at work. */
const LOCK_WAIT_MS = 30_000;
const STEPS_MAX = 10_000;
const DIRTY_DAYS_MAX = 100;

/**
 * Brings roll-ups and patterns up to what is committed in the ledger. Works in steps, each a transaction that leaves
 * everything as one snapshot of the ledger shows it and remembers that snapshot; a run that is cut off loses one step, and
 * the next goes on with what is left. A full run counts every month anew. Afterwards predictions learn what has ended, from
 * the same ledger in steps of their own. Throws what the database throws.
 */
export async function runPatterns(options: RunOptions): Promise<PatternsOutcome> {
  const { pool, mode, clock } = options;
  const outcome: PatternsOutcome = {
    mode,
    scanned: 0,
    days: 0,
    rollups_written: 0,
    patterns_written: 0,
    patterns_removed: 0,
    recounted_months: 0,
    recounted_days: 0,
    steps: 0,
    learned: 0,
    replayed: 0,
    levels_written: 0,
    is_under_way: false,
    is_done: false,
  };
  await using connection = await connectForJob(pool);
  if (!(await lock(connection, options))) return { ...outcome, is_under_way: true };
  const run: Run = { ...options, connection, outcome, signatures: createSignatures() };
  const until = clock() + options.runMs;
  await connection.plain(summarizeUpdatedExecutions);
  const { only } = options;
  if (mode === "full" && only !== "patterns") await connection.plain((sql) => markForReplay(sql, null));
  const isCounted = only === "predictions" || (await countPatterns(run, until));
  const isLearned = only === "patterns" || (await learnPredictions({ ...run, until }));
  outcome.is_done = isCounted && isLearned;
  await connection.plain(unlockPatterns);
  return outcome;
}

/** Resolves with whether nothing is left. */
async function countPatterns(run: Run, until: number): Promise<boolean> {
  const { mode, clock, outcome } = run;
  for (let isFirst = true; outcome.steps < STEPS_MAX; isFirst = false) {
    if (!isFirst && clock() > until) return false;
    const isDone = await takeStep(run, isFirst && mode === "full");
    outcome.steps += 1;
    if (isDone) return true;
  }
  return false;
}

async function lock(connection: JobConnection, { mode, clock }: RunOptions): Promise<boolean> {
  const until = clock() + (mode === "full" ? LOCK_WAIT_MS : 0);
  for (;;) {
    if (await connection.plain(tryLockPatterns)) return true;
    if (clock() >= until) return false;
    await delay(LOCK_POLL_MS);
  }
}

interface Run extends RunOptions {
  connection: JobConnection;
  outcome: PatternsOutcome;
  signatures: Signatures;
}

/** Counts what is new, and one month or some days anew. Returns whether nothing is left. */
async function takeStep(run: Run, startsFull: boolean): Promise<boolean> {
  const unseenSince = await run.connection.plain(readUnseenSince);
  return run.connection.snapshot(async (sql) => {
    const seen = await readSnapshot(sql);
    const stored = await findPatternState(sql);
    const state = await nextState(sql, stored, run, startsFull);
    const marks = await takeDirtyDays(sql, DIRTY_DAYS_MAX);
    await replayDirtyDays(sql, marks, run);
    for (const { organizationId, day } of marks) {
      if (organizationId === null) state.monthsToRecount.push(monthOf(day));
    }
    const [month, ...later] = [...new Set(state.monthsToRecount)].toSorted();
    const days = marks.flatMap(({ organizationId, day, isFrozen }) =>
      organizationId === null || isFrozen || monthOf(day) === month ? [] : [{ organizationId, day }],
    );
    const apply = { sql, windowFirstDay: state.windowIsStale ? null : state.windowFirstDay, ...run };
    if (month !== undefined) {
      note(run.outcome, await applyScan({ ...apply, filter: inMonth(month), replaces: { month } }));
      run.outcome.recounted_months += 1;
    }
    if (days.length > 0) {
      note(run.outcome, await applyScan({ ...apply, filter: onDays(days), replaces: { days } }));
      run.outcome.recounted_days += days.length;
    }
    if (stored !== null) {
      const filter = notIn(isUnseen(stored, seen), month, days);
      note(run.outcome, await applyScan({ ...apply, filter, replaces: null }));
    }
    if (later.length === 0 && state.windowIsStale) {
      noteWindows(run.outcome, await rebuildWindows(sql, state.windowFirstDay, run.now));
      state.windowIsStale = false;
    }
    await savePatternState(sql, { ...state, monthsToRecount: later, seen, unseenSince });
    return later.length === 0 && marks.length === 0;
  });
}

/** What is to be done, before what is marked: everything where nothing has been counted. Moves the window to now. */
async function nextState(
  sql: Sql,
  stored: StoredState | null,
  run: Run,
  startsFull: boolean,
): Promise<PatternState> {
  const windowFirstDay = firstDayOfWindow(run.now);
  if (stored === null || startsFull) {
    return { windowFirstDay, windowIsStale: true, monthsToRecount: await listPatternMonths(sql) };
  }
  const { monthsToRecount } = stored;
  if (stored.windowIsStale || stored.windowFirstDay === windowFirstDay) {
    return { windowFirstDay, windowIsStale: stored.windowIsStale, monthsToRecount };
  }
  const moved = await moveWindow(sql, stored.windowFirstDay, windowFirstDay, run.now);
  if (moved === null) return { windowFirstDay, windowIsStale: true, monthsToRecount };
  noteWindows(run.outcome, moved);
  return { windowFirstDay, windowIsStale: false, monthsToRecount };
}

function note(outcome: PatternsOutcome, step: ScanOutcome): void {
  outcome.scanned += step.scanned;
  outcome.days += step.days;
  outcome.rollups_written += step.rollups;
  noteWindows(outcome, step);
}

function noteWindows(outcome: PatternsOutcome, changes: { written: number; removed: number }): void {
  outcome.patterns_written += changes.written;
  outcome.patterns_removed += changes.removed;
}
