import { type InsightRange, readUsd } from "../insight-cells.ts";
import type { AddingUp } from "./insight-values.ts";
import { FAILURE } from "./pattern-scan.ts";

/** Failed and timed-out executions of one command, kind of task, repository and class of failure. */
export interface InsightFailures {
  commandBase: string;
  taskKind: string | null;
  repository: string | null;
  failureClass: string;
  executions: number;
  priced: number;
  costPico: bigint;
}

const GROUPS_MAX = 5_000;
// Most messages come again and again, and to tell the class of one takes a dozen patterns.
const LIST = `
select command_base, task_kind, repository, failure_class, sum(executions)::bigint as executions,
  sum(priced)::bigint as priced, sum(cost) as cost
from (
  select e.command_base, e.task_kind, e.repository, ${FAILURE} as failure_class, e.executions, e.priced, e.cost
  from (
    select command_base, command_features ->> 'task_kind' as task_kind, workspace_context ->> 'repository' as repository,
      status, left(error_message, 1000) as error_message, count(*) as executions, count(cost_usd) as priced,
      sum(cost_usd) as cost
    from command_executions
    where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status in ('failed', 'timeout')
    group by 1, 2, 3, 4, 5
  ) e
) failures
group by 1, 2, 3, 4
order by 5 desc, 1, 2, 3, 4
limit ${GROUPS_MAX}`;

interface Row {
  command_base: string;
  task_kind: string | null;
  repository: string | null;
  failure_class: string;
  executions: number;
  priced: number;
  cost: string | null;
}

/** Classes are those of patterns, never a message. Runs in a transaction of the organization. */
export async function listInsightFailures(
  sql: AddingUp,
  organizationId: string,
  { from, to }: InsightRange,
): Promise<InsightFailures[]> {
  const { rows } = await sql.query<Row>({
    text: LIST,
    values: [organizationId, from.toISOString(), to.toISOString()],
  });
  return rows.map((row) => ({
    commandBase: row.command_base,
    taskKind: row.task_kind,
    repository: row.repository,
    failureClass: row.failure_class,
    executions: row.executions,
    priced: row.priced,
    costPico: readUsd(row.cost),
  }));
}
