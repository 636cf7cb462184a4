import { DatabaseError } from "pg";
import { ensureMonth, listMonths, listPartitionedTables } from "../postgres/retention-months.ts";
import type { RetentionConnection } from "./connection.ts";
import { monthAfter, monthOf } from "./months.ts";

const MONTHS_AHEAD = 3;

export interface MonthsAhead {
  /** Such as `events 2026-12-01`. */
  made: string[];
  /** Of this month and the next, that were not there although a run a month ago would have made them. */
  missing: string[];
  failed: string[];
}

/** Makes this month and three more of every table in monthly partitions; a dry run tells which. */
export async function makeMonthsAhead(
  connection: RetentionConnection,
  now: number,
  dryRun: boolean,
): Promise<MonthsAhead> {
  const there = new Set((await connection.run(listMonths)).map(({ parent, month }) => `${parent} ${month}`));
  const outcome: MonthsAhead = { made: [], missing: [], failed: [] };
  for (const parent of await connection.run(listPartitionedTables)) {
    for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead += 1) {
      const month = monthAfter(monthOf(now), ahead);
      const name = `${parent} ${month}`;
      if (there.has(name)) continue;
      if (ahead <= 1) outcome.missing.push(name);
      try {
        if (!dryRun) await connection.run((sql) => ensureMonth(sql, { parent, month }));
        outcome.made.push(name);
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        outcome.failed.push(`${name} (${error.code ?? "unknown"})`);
      }
    }
  }
  return outcome;
}
