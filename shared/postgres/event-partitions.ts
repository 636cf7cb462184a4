import { noteMadeMonth } from "./job-runs.ts";
import type { Sql } from "./pool.ts";

const ENSURE = noteMadeMonth("ensure_event_partition($1, to_timestamp($2::double precision / 1000))");

/** Makes the partition of one of the tables of events for the month that holds `moment` (milliseconds since 1970). */
export async function ensureEventPartition(sql: Sql, table: string, moment: number): Promise<void> {
  await sql.query({ text: ENSURE, values: [table, moment] });
}
