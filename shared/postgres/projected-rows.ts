import type { Json } from "../event-payload.ts";
import type { Sql } from "./pool.ts";
import { PROJECTED_TABLES, type ProjectedRows, type Row, type Table } from "./projected-tables.ts";
import { statementsFor } from "./projected-statements.ts";
import { storableRow } from "./projected-values.ts";

export type { ProjectedRows, Row } from "./projected-tables.ts";

const ROWS_PER_STATEMENT = 500;

/** The tables by name, in the order they are written in. */
const TABLES = Object.entries(PROJECTED_TABLES).map(([name, table]) => ({
  name,
  table,
  statements: statementsFor(name, table),
}));

/**
 * Writes what events turned into. Of rows with the same key the one with the greatest version stays, whether it comes now,
 * came before or comes later. Values a column cannot hold are cut or left out, and so is a row without a value its table
 * needs: what a sender says never fails the batch. Tables and rows are written in one fixed order, so that transactions
 * that share rows wait for each other instead of locking each other up. Runs in a transaction of the organization.
 */
export async function writeProjectedRows(
  sql: Sql,
  organizationId: string,
  rows: ProjectedRows,
): Promise<void> {
  const rowsOf = new Map<string, readonly Row[]>(Object.entries(rows));
  for (const { name, table, statements } of TABLES) {
    const reduced = reduceRows(table, rowsOf.get(name) ?? []);
    for (let start = 0; start < reduced.length; start += ROWS_PER_STATEMENT) {
      const chunk = JSON.stringify(reduced.slice(start, start + ROWS_PER_STATEMENT));
      for (const statement of statements) await sql.query({ ...statement, values: [organizationId, chunk] });
    }
  }
}

/** One storable row for each key, as the statement would leave it, in the order of the keys. */
function reduceRows(table: Table, rows: readonly Row[]): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const next = storableRow(table, row);
    if (next === null) continue;
    const key = table.key.map((column) => text(next[column])).join("\0");
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? next : mergeRows(table, known, next));
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function mergeRows(table: Table, known: Row, next: Row): Row {
  const merged: Record<string, Json> = { ...(isNewer(table, next, known) ? next : known) };
  for (const [name, { merge }] of Object.entries(table.columns)) {
    if (merge !== undefined) merged[name] = mergeValues(merge, text(known[name]), text(next[name]));
  }
  return merged;
}

function mergeValues(merge: "least" | "greatest", a: string, b: string): string | null {
  if (a === "" || b === "") return a + b === "" ? null : a + b;
  return a < b === (merge === "least") ? a : b;
}

function isNewer(table: Table, next: Row, known: Row): boolean {
  for (const column of table.version) {
    const order = compare(next[column], known[column]);
    if (order !== 0) return order > 0;
  }
  return table.rewritesSameVersion;
}

/** As PostgreSQL compares them: numbers by value, texts by their bytes, and nothing before anything. */
function compare(a: Json | undefined, b: Json | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return Buffer.compare(Buffer.from(text(a)), Buffer.from(text(b)));
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
