import type { InsightRange } from "../insight-cells.ts";
import type { AddingUp } from "./insight-values.ts";

// Two counts that indexes answer: which rows have ended, none of them tells by itself.
const COUNT = `
select (
    select count(*) from command_executions where organization_id = $1 and timestamp >= $2 and timestamp < $3
  ) - (
    select count(*) from command_executions
    where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status = 'pending'
  ) as ended`;

/** How many executions of the range have ended. Runs in a transaction of the organization. */
export async function countEnded(
  sql: AddingUp,
  organizationId: string,
  { from, to }: InsightRange,
): Promise<number> {
  const { rows } = await sql.query<{ ended: number }>({
    text: COUNT,
    values: [organizationId, from.toISOString(), to.toISOString()],
  });
  return rows[0]?.ended ?? 0;
}
