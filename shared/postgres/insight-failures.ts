import type { InsightRange } from "./insight-cells.ts";
import { type AddingUp, readUsd } from "./insight-values.ts";
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
const LIST = `
select command_base, task_kind, repository, failure_class, count(*) as executions, count(cost_usd) as priced,
  sum(cost_usd) as cost
from (
  select e.command_base, e.command_features ->> 'task_kind' as task_kind, e.workspace_context ->> 'repository' as repository,
    ${FAILURE} as failure_class, e.cost_usd
  from command_executions e
  where e.organization_id = $1 and e.timestamp >= $2 and e.timestamp < $3 and e.status in ('failed', 'timeout')
) failures
group by 1, 2, 3, 4
order by count(*) desc, 1, 2, 3, 4
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
