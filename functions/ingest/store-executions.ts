import { DatabaseError } from "pg";
import {
  completeExecutions,
  ensurePartition,
  type ExecutionRow,
  insertExecutions,
} from "../../shared/postgres/command-executions.ts";
import { isPassing, type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import type { WriteBatch, WriteOutcome } from "./write-queue.ts";

const CHECK_VIOLATION = "23514";
const UNIQUE_VIOLATION = "23505";
const DAY_MS = 86_400_000;

/**
 * Writes a batch to the ledger: new rows in one statement; of the others, those that complete a pending row; what is left
 * was there already. When the ledger refuses the batch, its rows are tried one by one, so that a bad row fails alone.
 */
export function createStore(pool: Pool): WriteBatch {
  const days = new Set<number>();

  async function ensureMonths(rows: readonly ExecutionRow[]): Promise<void> {
    for (const { timestamp } of rows) {
      const day = Math.floor(timestamp / DAY_MS);
      if (days.has(day)) continue;
      await ensurePartition(pool, timestamp);
      days.add(day);
    }
  }

  async function storeOnce(organizationId: string, rows: readonly ExecutionRow[]): Promise<WriteOutcome[]> {
    await ensureMonths(rows);
    // In the order of their ids, so that two batches with the same ids wait for each other and never deadlock.
    const ordered = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const repeats = new Set(await insertExecutions(pool, organizationId, ordered));
    const completing = ordered.filter((row) => repeats.has(row.id) && row.status !== "pending");
    const updated = new Set(
      completing.length === 0
        ? []
        : await withOrganization(pool, organizationId, (sql) =>
            completeExecutions(sql, organizationId, completing),
          ),
    );
    return rows.map((row) => ({
      kind: !repeats.has(row.id) ? "accepted" : updated.has(row.id) ? "updated" : "duplicate",
    }));
  }

  async function store(organizationId: string, rows: readonly ExecutionRow[]): Promise<WriteOutcome[]> {
    try {
      return await storeOnce(organizationId, rows);
    } catch (error) {
      if (!isMissingPartition(error)) throw error;
      // A month was archived since this instance last saw it.
      days.clear();
      return storeOnce(organizationId, rows);
    }
  }

  return async (organizationId, rows) => {
    try {
      return await store(organizationId, rows);
    } catch (error) {
      if (isPassing(error) || !(error instanceof DatabaseError)) throw error;
      if (rows.length === 1) return [refusalOf(error)];
    }
    const outcomes: WriteOutcome[] = [];
    for (const row of rows) outcomes.push(await storeAlone(store, organizationId, row));
    return outcomes;
  };
}

async function storeAlone(
  store: WriteBatch,
  organizationId: string,
  row: ExecutionRow,
): Promise<WriteOutcome> {
  try {
    return (
      (await store(organizationId, [row]))[0] ?? { kind: "failed", error: new Error("a row has no outcome") }
    );
  } catch (error) {
    if (isPassing(error) || !(error instanceof DatabaseError)) return { kind: "failed", error };
    return refusalOf(error);
  }
}

/** A row whose key has been pruned since, and which is there all the same, is a very late repeat. */
function refusalOf(error: DatabaseError): WriteOutcome {
  if (error.code === UNIQUE_VIOLATION) return { kind: "duplicate" };
  return { kind: "refused", sqlState: error.code ?? "unknown" };
}

/** PostgreSQL reports a row no partition takes as a check violation that names no constraint. */
function isMissingPartition(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === CHECK_VIOLATION && error.constraint === undefined;
}
