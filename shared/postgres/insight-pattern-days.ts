import { readUsd } from "../insight-cells.ts";
import type { AddingUp } from "./insight-values.ts";

/** What a pattern's executions of one UTC day cost. */
export interface InsightPatternDay {
  signature: string;
  commandBase: string;
  /** As `2026-11-21`. */
  day: string;
  priced: number;
  costPico: bigint;
}

const PATTERNS_MAX = 1_000;
const LIST = `
with dearest as (
  select pattern_signature from pattern_daily_rollups
  where organization_id = $1 and day >= $2 and day <= $3
  group by 1 order by sum(cost_usd) desc, 1 limit ${PATTERNS_MAX}
)
select pattern_signature, command_base, day::text as day_text, priced_count, cost_usd
from pattern_daily_rollups
where organization_id = $1 and day >= $2 and day <= $3 and priced_count > 0
  and pattern_signature in (select pattern_signature from dearest)
order by pattern_signature, day`;

interface Row {
  pattern_signature: string;
  command_base: string;
  day_text: string;
  priced_count: number;
  cost_usd: string;
}

/** The priced days of the 1,000 dearest patterns, both days included. Runs in a transaction of the organization. */
export async function listInsightPatternDays(
  sql: AddingUp,
  organizationId: string,
  firstDay: string,
  lastDay: string,
): Promise<InsightPatternDay[]> {
  const { rows } = await sql.query<Row>({ text: LIST, values: [organizationId, firstDay, lastDay] });
  return rows.map((row) => ({
    signature: row.pattern_signature,
    commandBase: row.command_base,
    day: row.day_text,
    priced: row.priced_count,
    costPico: readUsd(row.cost_usd),
  }));
}
