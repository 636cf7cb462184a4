import { setImmediate } from "node:timers/promises";
import type { Caller } from "../../shared/auth.ts";
import { AppError, type Fault } from "../../shared/errors.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import type { IngestContext } from "./context.ts";
import { ANSWER_FAULTS_MAX } from "./limits.ts";
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";
import { prepareExecution, type PrepareOptions } from "./prepare-execution.ts";
import type { RawBody, RawRecord } from "./read-records.ts";
import type { WriteOutcome } from "./write-queue.ts";

export interface IngestOutcome {
  /** Stored now. */
  accepted: number;
  /** Was there already; nothing changed. */
  duplicates: number;
  /** Was pending and is now complete. */
  updated: number;
  rejected: { index: number; id: string | null; errors: Fault[] }[];
  warnings: ({ index: number; id: string } & Fault)[];
  /** How many warnings there were beyond those told. */
  warnings_omitted?: number;
}

/** Records that are prepared and queued in one go; then the database and other requests get their turn. */
const RECORDS_PER_TURN = 250;

interface Prepared {
  index: number;
  row: ExecutionRow;
  bytes: number;
  /** Indexes of records that say the same again: the same id, with nothing left to complete. */
  copies: number[] | null;
}

/**
 * Stores the records of one request, each on its own: a wrong one takes no good one with it. When it returns, everything
 * but the rejected is committed; it throws `unavailable` when any record's fate is not known, and then all may be sent
 * again.
 */
export async function ingestExecutions(
  context: IngestContext,
  caller: Caller,
  body: RawBody,
): Promise<IngestOutcome> {
  const outcome: IngestOutcome = { accepted: 0, duplicates: 0, updated: 0, rejected: [], warnings: [] };
  const options = { userId: caller.userId, needsCleaning: body.needsCleaning, nowMs: context.now() };
  const writes: Promise<WriteOutcome[]>[] = [];
  const written: Prepared[] = [];
  const latest = new Map<string, Prepared>();
  for (let from = 0; body.records.length > 0; from += RECORDS_PER_TURN) {
    if (from > 0) await setImmediate();
    // Taken out, so that a record can go when its row is there.
    const rows = prepare(body.records.splice(0, RECORDS_PER_TURN), from, options, outcome, latest);
    writes.push(context.queue.add(caller.organizationId, rows) ?? noRoomFor(rows));
    written.push(...rows);
  }
  let at = 0;
  for (const results of await Promise.all(writes)) {
    for (const result of results) {
      const prepared = written[at++];
      if (prepared !== undefined) countWritten(outcome, prepared, result);
    }
  }
  outcome.rejected.sort((a, b) => a.index - b.index);
  return bounded(outcome);
}

function prepare(
  records: readonly RawRecord[],
  from: number,
  options: PrepareOptions,
  outcome: IngestOutcome,
  latest: Map<string, Prepared>,
): Prepared[] {
  const rows: Prepared[] = [];
  let index = from - 1;
  for (const record of records) {
    index += 1;
    const prepared = prepareExecution(record, options);
    if (prepared.kind === "rejected") {
      outcome.rejected.push({ index, id: prepared.id, errors: prepared.errors });
      continue;
    }
    for (const warning of prepared.warnings)
      outcome.warnings.push({ index, id: prepared.row.id, ...warning });
    const earlier = latest.get(prepared.row.id);
    if (earlier !== undefined && (earlier.row.status !== "pending" || prepared.row.status === "pending")) {
      (earlier.copies ??= []).push(index);
      continue;
    }
    const row: Prepared = { index, row: prepared.row, bytes: prepared.bytes, copies: null };
    latest.set(prepared.row.id, row);
    rows.push(row);
  }
  return rows;
}

function noRoomFor(rows: readonly Prepared[]): Promise<WriteOutcome[]> {
  const error = new AppError("unavailable", "too much is waiting to be stored; send this again", {
    retryAfterSeconds: 1,
  });
  return Promise.resolve(rows.map(() => ({ kind: "failed", error })));
}

function countWritten(outcome: IngestOutcome, { index, row, copies }: Prepared, result: WriteOutcome): void {
  count(outcome, index, row.id, result);
  if (copies === null) return;
  const copied: WriteOutcome = result.kind === "refused" ? result : { kind: "duplicate" };
  for (const copy of copies) count(outcome, copy, row.id, copied);
}

function count(outcome: IngestOutcome, index: number, id: string, result: WriteOutcome): void {
  switch (result.kind) {
    case "accepted":
      outcome.accepted += 1;
      break;
    case "updated":
      outcome.updated += 1;
      break;
    case "duplicate":
      outcome.duplicates += 1;
      break;
    case "refused":
      outcome.rejected.push({
        index,
        id,
        errors: [refusal(result.sqlState)],
      });
      break;
    case "failed":
      throw asUnavailable(result.error);
    default:
      result satisfies never;
  }
}

function refusal(sqlState: string): Fault {
  if (sqlState === "NT001") {
    return {
      pointer: "/timestamp",
      detail: "lies in a month that has been archived; its executions do not change any more",
    };
  }
  return {
    pointer: "",
    detail: `holds something the ledger cannot store (SQLSTATE ${sqlState}); send this record to whoever runs it`,
  };
}

/** Keeps a small body from having a large answer: past the limit a record's first fault must do, and warnings are counted. */
function bounded(outcome: IngestOutcome): IngestOutcome {
  let faults = 0;
  for (const one of outcome.rejected) {
    if (faults + one.errors.length > ANSWER_FAULTS_MAX) one.errors = one.errors.slice(0, 1);
    faults += one.errors.length;
  }
  const omitted = outcome.warnings.length - ANSWER_FAULTS_MAX;
  if (omitted <= 0) return outcome;
  return { ...outcome, warnings: outcome.warnings.slice(0, ANSWER_FAULTS_MAX), warnings_omitted: omitted };
}
