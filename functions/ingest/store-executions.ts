import { DatabaseError } from "pg";
import {
  completeExecutions,
  ensurePartition,
  type ExecutionRow,
  insertExecutions,
} from "../../shared/postgres/command-executions.ts";
import { type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import { createPipeline } from "./pipeline.ts";
import type { WriteBatch, WriteOutcome } from "./write-queue.ts";

const CHECK_VIOLATION = "23514";
const UNIQUE_VIOLATION = "23505";
const DAY_MS = 86_400_000;

/** SQLSTATE classes that say something about a row: data exceptions and broken constraints. */
const ROW_CLASSES = new Set(["22", "23"]);
/** A row past a limit of the server's, such as that of an index entry; a row of a month that has been archived. */
const ROW_STATES = new Set(["54000", "NT001"]);

/** Keeps the server busy for so long that others are better off beside it than behind it. */
const LARGE_BATCH_ROWS = 250;

/**
 * Writes a batch to the ledger: new rows in one statement; of the others, those that complete a pending row; what is left
 * was there already. When the ledger refuses the batch for what is in it, its rows are tried one by one, so that a bad row
 * fails alone. Every other failure is the server's, and the batch's as a whole. Batches share one connection; a large one
 * takes its own.
 */
export function createStore(pool: Pool): WriteBatch {
  const pipeline = createPipeline(pool);
  const days = new Set<number>();

  async function ensureMonths(rows: readonly ExecutionRow[]): Promise<void> {
    for (const { timestamp } of rows) {
      const day = Math.floor(timestamp / DAY_MS);
      if (days.has(day)) continue;
      await ensurePartition(pool, timestamp);
      days.add(day);
    }
  }

  async function insertNow(organizationId: string, rows: readonly ExecutionRow[]): Promise<Set<string>> {
    const repeats =
      rows.length >= LARGE_BATCH_ROWS
        ? await insertExecutions(pool, organizationId, rows)
        : await pipeline((sql) => insertExecutions(sql, organizationId, rows));
    return new Set(repeats);
  }

  /** The ids that were there already. */
  async function insert(organizationId: string, rows: readonly ExecutionRow[]): Promise<Set<string>> {
    try {
      await ensureMonths(rows);
      return await insertNow(organizationId, rows);
    } catch (error) {
      if (!isMissingPartition(error)) throw error;
      // A month was archived since this instance last saw it.
      days.clear();
      await ensureMonths(rows);
      return insertNow(organizationId, rows);
    }
  }

  async function complete(organizationId: string, rows: readonly ExecutionRow[]): Promise<WriteOutcome[]> {
    const found = new Map(
      (
        await withOrganization(pool, organizationId, (sql) => completeExecutions(sql, organizationId, rows))
      ).map(({ id, outcome }) => [id, outcome]),
    );
    return rows.map((row) => {
      const kind = found.get(row.id);
      // Its key is known and it is not there: its month has been taken away, and its end has no place to go.
      return kind === undefined ? { kind: "refused", sqlState: "NT001" } : { kind };
    });
  }

  async function store(organizationId: string, rows: readonly ExecutionRow[]): Promise<WriteOutcome[]> {
    // In the order of their ids, so that two batches with the same ids wait for each other and never deadlock.
    const ordered = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const outcomes = new Map<string, WriteOutcome>();
    const repeats = await insert(organizationId, ordered);
    const ends = ordered.filter((row) => repeats.has(row.id) && row.status !== "pending");
    if (ends.length > 0) {
      const completed = await eachAlone(ends, (some) => complete(organizationId, some));
      for (const [index, row] of ends.entries()) outcomes.set(row.id, outcomeAt(completed, index));
    }
    return rows.map(
      (row) => outcomes.get(row.id) ?? { kind: repeats.has(row.id) ? "duplicate" : "accepted" },
    );
  }

  return (organizationId, rows) =>
    eachAlone(rows, async (some) => {
      try {
        return await store(organizationId, some);
      } catch (error) {
        // A row that is there without its key, which is pruned in time: a very late repeat, or a very late end.
        if (some.length === 1 && isUniqueViolation(error)) return lateOutcome(complete, organizationId, some);
        throw error;
      }
    });
}

async function lateOutcome(
  complete: WriteBatch,
  organizationId: string,
  rows: readonly ExecutionRow[],
): Promise<WriteOutcome[]> {
  return rows[0]?.status === "pending" ? [{ kind: "duplicate" }] : complete(organizationId, rows);
}

/** Writes the rows together and, when that fails for what is in them, one by one. */
async function eachAlone(
  rows: readonly ExecutionRow[],
  write: (rows: readonly ExecutionRow[]) => Promise<WriteOutcome[]>,
): Promise<WriteOutcome[]> {
  try {
    return await write(rows);
  } catch (error) {
    const sqlState = rowFaultOf(error);
    if (sqlState === null) throw error;
    if (rows.length === 1) return [{ kind: "refused", sqlState }];
  }
  const outcomes: WriteOutcome[] = [];
  for (const row of rows) outcomes.push(outcomeAt(await aloneOrFailed(row, write), 0));
  return outcomes;
}

async function aloneOrFailed(
  row: ExecutionRow,
  write: (rows: readonly ExecutionRow[]) => Promise<WriteOutcome[]>,
): Promise<WriteOutcome[]> {
  try {
    return await eachAlone([row], write);
  } catch (error) {
    return [{ kind: "failed", error }];
  }
}

function outcomeAt(outcomes: readonly WriteOutcome[], index: number): WriteOutcome {
  return outcomes[index] ?? { kind: "failed", error: new Error("a row has no outcome") };
}

/** The SQLSTATE that lays a failure at the row's own door, or null: then the sender must not be told to change anything. */
function rowFaultOf(error: unknown): string | null {
  if (!(error instanceof DatabaseError) || error.code === undefined || isMissingPartition(error)) return null;
  return ROW_CLASSES.has(error.code.slice(0, 2)) || ROW_STATES.has(error.code) ? error.code : null;
}

/** PostgreSQL reports a row no partition takes as a check violation that names no constraint. */
function isMissingPartition(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === CHECK_VIOLATION && error.constraint === undefined;
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === UNIQUE_VIOLATION;
}
