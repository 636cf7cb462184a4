import type { ExecutionInput } from "../shared/agent/execution.ts";
import type { Connection } from "./connection.ts";
import type { IngestAnswer, RejectedRecord } from "./ingest-answer.ts";
import { addAnswer, NOTHING_SENT } from "./ingest-answer.ts";
import { forgetRuns, redirectRuns } from "./run-notes.ts";
import type { SendOptions } from "./send.ts";
import { SendError, sendExecutions } from "./send.ts";
import type { Spool, Target } from "./spool.ts";
import { addToSpool, measureSpool, setAside, targetOf } from "./spool.ts";
import type { SpooledBatch } from "./spool-claims.ts";
import { claimBatches, recoverClaims, releaseBatch, removeBatch } from "./spool-claims.ts";

export interface Delivery {
  readonly answer: IngestAnswer;
  /** Records that wait on disk now. */
  readonly spooled: number;
  /** Why they wait; null when nothing does. */
  readonly reason: string | null;
}

/**
 * Sends records and keeps on disk what could not be sent. What the server rejected is put aside with its reasons.
 * Throws SpoolFullError when there is no room either.
 */
export async function deliverExecutions(
  spool: Spool,
  connection: Connection | null,
  executions: readonly ExecutionInput[],
  options: SendOptions = {},
): Promise<Delivery> {
  if (connection === null) {
    addToSpool(spool, executions, null);
    return { answer: NOTHING_SENT, spooled: executions.length, reason: "no server is configured" };
  }
  try {
    const answer = await sendExecutions(connection, executions, options);
    refuse(spool, executions, answer.rejected);
    return { answer, spooled: 0, reason: null };
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    refuse(spool, executions, error.answer.rejected);
    addToSpool(spool, error.unsent, targetOf(connection));
    return { answer: error.answer, spooled: error.unsent.length, reason: error.message };
  }
}

export interface Flush {
  /** Records the server has now, put in by this flush or before. */
  readonly answer: IngestAnswer;
  readonly batchesSent: number;
  /** Batches meant for another server or key; they wait for that one. */
  readonly batchesForOthers: number;
  readonly batchesLeft: number;
  /** Why something is left; null when nothing of this server's is. */
  readonly reason: string | null;
}

export interface FlushOptions extends SendOptions {
  /** Send batches that were meant for another server or key as well. */
  readonly everything?: boolean;
  readonly batchesMax?: number;
  /** Start no batch after this time, in milliseconds since 1970. */
  readonly until?: number;
}

/** Sends what waits on disk. Safe to run from several processes at once: each batch is claimed by one. */
export async function flushSpool(
  spool: Spool,
  connection: Connection,
  options: FlushOptions = {},
): Promise<Flush> {
  recoverClaims(spool);
  const here = targetOf(connection);
  const now = options.now ?? Date.now;
  let batchesForOthers = 0;
  const wanted = (target: Target | null): boolean => {
    if (options.everything === true || target === null) return true;
    const mine = target.url === here.url && target.key === here.key;
    if (!mine) batchesForOthers += 1;
    return mine;
  };
  const batchesMax = options.batchesMax ?? spool.limits.filesMax;
  let answer = NOTHING_SENT;
  let batchesSent = 0;
  let reason: string | null = null;
  for (const batch of claimBatches(spool, wanted)) {
    if (now() >= (options.until ?? Number.POSITIVE_INFINITY)) {
      releaseBatch(spool, batch, batch.executions);
      reason = "no time left";
      break;
    }
    const outcome = await sendClaimed(spool, connection, batch, options);
    answer = addAnswer(answer, outcome.answer, 0);
    reason = outcome.reason;
    if (reason !== null) break;
    batchesSent += 1;
    if (batchesSent >= batchesMax) break;
  }
  return { answer, batchesSent, batchesForOthers, batchesLeft: measureSpool(spool).files, reason };
}

async function sendClaimed(
  spool: Spool,
  connection: Connection,
  batch: SpooledBatch,
  options: SendOptions,
): Promise<{ answer: IngestAnswer; reason: string | null }> {
  try {
    const answer = await sendExecutions(connection, batch.executions, options);
    redirect(spool, batch, connection, []);
    refuse(spool, batch.executions, answer.rejected);
    removeBatch(batch);
    return { answer, reason: null };
  } catch (error) {
    if (!(error instanceof SendError)) {
      releaseBatch(spool, batch, batch.executions);
      throw error;
    }
    redirect(spool, batch, connection, error.unsent);
    refuse(spool, batch.executions, error.answer.rejected);
    releaseBatch(spool, batch, error.unsent);
    return { answer: error.answer, reason: error.message };
  }
}

/** What the ledger does not have must not be taken for recorded. */
function refuse(
  spool: Spool,
  executions: readonly ExecutionInput[],
  rejected: readonly RejectedRecord[],
): void {
  setAside(spool, executions, rejected);
  forgetRuns(spool.stateFolder, idsOf(rejected.flatMap(({ index }) => executions[index] ?? [])));
}

function redirect(
  spool: Spool,
  { target, executions }: SpooledBatch,
  connection: Connection,
  unsent: readonly ExecutionInput[],
): void {
  const here = targetOf(connection);
  if (target?.url === here.url && target.key === here.key) return;
  const left = new Set(idsOf(unsent));
  redirectRuns(
    spool.stateFolder,
    idsOf(executions).filter((id) => !left.has(id)),
    here,
  );
}

function idsOf(executions: readonly ExecutionInput[]): string[] {
  return executions.map(({ id }) => id);
}
