import { DatabaseError } from "pg";
import {
  insertEvents,
  type IntakeRow,
  type RepeatedEvent,
  resumeRepeats,
} from "../../shared/postgres/event-intake.ts";
import { ensureEventPartition } from "../../shared/postgres/event-partitions.ts";
import type { Pool } from "../../shared/postgres/pool.ts";

/** What became of an event that was to be stored. */
export type StoreOutcome =
  | { kind: "accepted" }
  /** A suspected replay: kept and not processed. */
  | { kind: "ignored" }
  /** It was there; undefined where all that is left of it is its key. */
  | { kind: "duplicate"; event: RepeatedEvent | undefined }
  /** Its contents cannot be stored, whoever tries. */
  | { kind: "refused"; sqlState: string }
  | { kind: "failed"; error: unknown };

export type StoreEvents = (organizationId: string, rows: readonly IntakeRow[]) => Promise<StoreOutcome[]>;

const DAY_MS = 86_400_000;
const DAYS_MAX = 100;
const CHECK_VIOLATION = "23514";
/** A serialization failure or deadlock: the same statement works when it is tried again. */
const AGAIN_STATES = new Set(["40001", "40P01"]);
/** SQLSTATE classes that say something about a row: data exceptions, broken constraints, limits of the server's. */
const ROW_CLASSES = new Set(["22", "23", "54"]);

/**
 * Writes events of one organization together. When the ledger refuses them for what is in them, they are tried one by one,
 * so that a bad one fails alone. Every other failure is the server's, and everybody's.
 */
export function createStore(pool: Pool): StoreEvents {
  const days = new Set<number>();

  async function ensureMonths(rows: readonly IntakeRow[]): Promise<void> {
    for (const { received_at: receivedAt } of rows) {
      const day = Math.floor(receivedAt / DAY_MS);
      if (days.has(day)) continue;
      await ensureEventPartition(pool, "events", receivedAt);
      if (days.size >= DAYS_MAX) days.clear();
      days.add(day);
    }
  }

  async function insert(
    organizationId: string,
    rows: readonly IntakeRow[],
  ): Promise<Map<string, "pending" | "ignored">> {
    try {
      await ensureMonths(rows);
      return await insertEvents(pool, organizationId, rows);
    } catch (error) {
      if (isMissingPartition(error)) days.clear();
      else if (!(error instanceof DatabaseError && AGAIN_STATES.has(error.code ?? ""))) throw error;
      await ensureMonths(rows);
      return insertEvents(pool, organizationId, rows);
    }
  }

  async function store(organizationId: string, rows: readonly IntakeRow[]): Promise<StoreOutcome[]> {
    const stored = await insert(organizationId, rows.toSorted(byKey));
    const repeats = rows.filter((row) => !stored.has(row.id));
    const events =
      repeats.length === 0 ? [] : await resumeRepeats(pool, organizationId, repeats.toSorted(byKey));
    const found = new Map(repeats.toSorted(byKey).map((row, index) => [row.id, events[index]]));
    return rows.map(({ id }) => {
      const status = stored.get(id);
      if (status === undefined) return { kind: "duplicate", event: found.get(id) };
      return { kind: status === "pending" ? "accepted" : "ignored" };
    });
  }

  async function storeAlone(organizationId: string, row: IntakeRow): Promise<StoreOutcome> {
    try {
      const [outcome] = await store(organizationId, [row]);
      return outcome ?? { kind: "failed", error: new Error("an event has no outcome") };
    } catch (error) {
      const sqlState = rowFaultOf(error);
      return sqlState === null ? { kind: "failed", error } : { kind: "refused", sqlState };
    }
  }

  return async (organizationId, rows) => {
    try {
      return await store(organizationId, rows);
    } catch (error) {
      const sqlState = rowFaultOf(error);
      if (sqlState === null) throw error;
      if (rows.length === 1) return [{ kind: "refused", sqlState }];
    }
    const outcomes: StoreOutcome[] = [];
    for (const row of rows) outcomes.push(await storeAlone(organizationId, row));
    return outcomes;
  };
}

/** The order in which keys are taken, so that two batches with the same keys wait for each other and never deadlock. */
function byKey(a: IntakeRow, b: IntakeRow): number {
  if (a.source_id !== b.source_id) return a.source_id < b.source_id ? -1 : 1;
  if (a.delivery_key === b.delivery_key) return 0;
  return a.delivery_key < b.delivery_key ? -1 : 1;
}

function rowFaultOf(error: unknown): string | null {
  if (!(error instanceof DatabaseError) || error.code === undefined || isMissingPartition(error)) return null;
  return ROW_CLASSES.has(error.code.slice(0, 2)) ? error.code : null;
}

/** PostgreSQL reports a row no partition takes as a check violation that names no constraint. */
function isMissingPartition(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === CHECK_VIOLATION && error.constraint === undefined;
}
