import {
  findPredictionState,
  listOrganizationIds,
  markForReplay,
  savePredictionState,
} from "../../../shared/postgres/prediction-state.ts";
import { deleteLevels } from "../../../shared/postgres/prediction-levels.ts";
import { deleteModel } from "../../../shared/postgres/prediction-models.ts";
import {
  type EndedExecution,
  fetchEnded,
  openEnded,
  openPast,
} from "../../../shared/postgres/prediction-scan.ts";
import { readSnapshot, readUnseenSince } from "../../../shared/postgres/pattern-state.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";
import type { JobConnection } from "../job-connection.ts";
import { isUnseen, type OrganizationDay } from "../scan-filters.ts";
import type { Signatures } from "../signatures.ts";
import { type OrganizationLearner, openLearner } from "./organization-learner.ts";

/** What learning did. */
export interface LearningOutcome {
  /** Executions that were learned; those of a past that is learned anew again. */
  learned: number;
  /** Organizations whose past was learned anew. */
  replayed: number;
  levels_written: number;
}

/** How far back, and over how many executions, the past of an organization is learned anew. */
export interface PastBounds {
  days: number;
  executionsMax: number;
}

interface LearningOptions {
  past: PastBounds;
  connection: JobConnection;
  now: number;
  clock: () => number;
  /** No step begins after this moment, by the clock. */
  until: number;
  signatures: Signatures;
  outcome: LearningOutcome;
}

const DAY_MS = 86_400_000;
const PORTION = 1_000;
/** A step takes on no further organization after this many executions. */
const STEP_EXECUTIONS = 20_000;
/** As many pasts of what is new go into a step: one that takes longer than a run may would begin again for ever. */
const STEP_PASTS = 4;
const STEPS_MAX = 100_000;

/**
 * Learns what predictions are made from: what was committed since the last time, and the past of organizations that are
 * marked. Works in steps like the counting of patterns: each is a transaction that stores models, evidence and the snapshot
 * up to which they go. Resolves with whether nothing is left.
 */
export async function learnPredictions(options: LearningOptions): Promise<boolean> {
  for (let step = 0; step < STEPS_MAX; step += 1) {
    if (options.clock() > options.until) return false;
    if (await takeStep(options)) return true;
  }
  return false;
}

async function takeStep(options: LearningOptions): Promise<boolean> {
  const unseenSince = await options.connection.plain(readUnseenSince);
  return options.connection.snapshot(async (sql) => {
    const seen = await readSnapshot(sql);
    const stored = await findPredictionState(sql);
    const left = stored === null ? await listOrganizationIds(sql) : stored.organizationsToReplay;
    const before = options.outcome.learned;
    if (stored !== null) {
      await openEnded(sql, isUnseen(stored, seen), left);
      left.push(...(await learnOpened(sql, options)));
    }
    while (left.length > 0 && options.outcome.learned - before < STEP_EXECUTIONS) {
      await replay(sql, left.shift() ?? "", options);
    }
    await savePredictionState(sql, { seen, unseenSince, organizationsToReplay: left });
    return left.length === 0;
  });
}

async function replay(sql: Sql, organizationId: string, options: LearningOptions): Promise<void> {
  await deleteModel(sql, organizationId);
  await deleteLevels(sql, organizationId);
  await openPast(sql, organizationId, options.now - options.past.days * DAY_MS, options.past.executionsMax);
  await learnOpened(sql, options);
  options.outcome.replayed += 1;
}

/**
 * Learns what has been opened. Returns the organizations that have more of it than a past has, and those for which the step
 * has no time: the rest of theirs is left, and their past learned anew, each in a step of its own.
 */
async function learnOpened(sql: Sql, { signatures, outcome, past }: LearningOptions): Promise<string[]> {
  const tooMany = new Set<string>();
  const before = outcome.learned;
  let learner: OrganizationLearner | null = null;
  for await (const { organizationId, ended } of endedByOrganization(sql)) {
    if (learner?.organizationId !== organizationId) {
      outcome.levels_written += (await learner?.finish()) ?? 0;
      learner = await openLearner(sql, organizationId, signatures);
    }
    const isOver = outcome.learned - before >= STEP_PASTS * past.executionsMax;
    if (isOver || learner.learned() + ended.length > past.executionsMax) tooMany.add(organizationId);
    else {
      await learner.learn(ended);
      outcome.learned += ended.length;
    }
  }
  outcome.levels_written += (await learner?.finish()) ?? 0;
  return [...tooMany];
}

/** What has been opened, in portions that each are of one organization. */
async function* endedByOrganization(
  sql: Sql,
): AsyncGenerator<{ organizationId: string; ended: EndedExecution[] }> {
  for (;;) {
    const portion = await fetchEnded(sql, PORTION);
    if (portion.length === 0) return;
    for (const [organizationId, ended] of Map.groupBy(portion, (one) => one.organizationId))
      yield { organizationId, ended };
  }
}

/** Has the past learned anew of organizations whose days are counted anew, where it reaches back that far. */
export async function replayDirtyDays(
  sql: Sql,
  days: readonly (Omit<OrganizationDay, "organizationId"> & { organizationId: string | null })[],
  { now, past }: Pick<LearningOptions, "now" | "past">,
): Promise<void> {
  const recent = days.filter(({ day }) => Date.parse(day) >= now - (past.days + 1) * DAY_MS);
  if (recent.length === 0) return;
  const named = recent.flatMap(({ organizationId }) => organizationId ?? []);
  await markForReplay(sql, named.length === recent.length ? [...new Set(named)] : null);
}
