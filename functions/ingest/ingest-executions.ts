import type { Caller } from "../../shared/auth.ts";
import { AppError, type Fault } from "../../shared/errors.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import type { IngestContext } from "./context.ts";
import { prepareExecution } from "./prepare-execution.ts";
import type { RawBody } from "./read-records.ts";
import type { QueuedRow, WriteOutcome } from "./write-queue.ts";

export interface IngestOutcome {
  /** Stored now. */
  accepted: number;
  /** Was there already; nothing changed. */
  duplicates: number;
  /** Was pending and is now complete. */
  updated: number;
  rejected: { index: number; id: string | null; errors: Fault[] }[];
  warnings: ({ index: number; id: string } & Fault)[];
}

/** How many records are prepared before other requests get a turn. */
const RECORDS_PER_TURN = 250;

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
  const rows: { index: number; row: QueuedRow["row"] }[] = [];
  const nowMs = context.now();
  for (const [index, record] of body.records.entries()) {
    if (index > 0 && index % RECORDS_PER_TURN === 0) await turn();
    const prepared = prepareExecution(record, {
      userId: caller.userId,
      needsCleaning: body.needsCleaning,
      nowMs,
    });
    if (prepared.kind === "rejected") {
      outcome.rejected.push({ index, id: prepared.id, errors: prepared.errors });
    } else {
      rows.push({ index, row: prepared.row });
      for (const warning of prepared.warnings)
        outcome.warnings.push({ index, id: prepared.row.id, ...warning });
    }
  }
  const written = await write(context, caller, rows);
  for (const [position, result] of written.entries())
    count(outcome, rows[position]?.index ?? position, rows[position]?.row.id ?? null, result);
  outcome.rejected.sort((a, b) => a.index - b.index);
  return outcome;
}

function write(
  context: IngestContext,
  caller: Caller,
  rows: readonly { row: QueuedRow["row"] }[],
): Promise<WriteOutcome[]> {
  return new Promise((resolve, reject) => {
    const outcomes: WriteOutcome[] = Array.from({ length: rows.length });
    let open = rows.length;
    if (open === 0) return resolve(outcomes);
    const queued = context.queue.add(
      rows.map(({ row }, position) => ({
        organizationId: caller.organizationId,
        row,
        settle: (outcome) => {
          outcomes[position] = outcome;
          open -= 1;
          if (open === 0) resolve(outcomes);
        },
      })),
    );
    if (!queued) {
      reject(
        new AppError("unavailable", "too much is waiting to be stored; nothing of this request is", {
          retryAfterSeconds: 1,
        }),
      );
    }
  });
}

function count(outcome: IngestOutcome, index: number, id: string | null, result: WriteOutcome): void {
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
        errors: [{ pointer: "", detail: `the ledger refused this record (SQLSTATE ${result.sqlState})` }],
      });
      break;
    case "failed":
      throw asUnavailable(result.error);
    default:
      result satisfies never;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
