import {
  COMPARED,
  EMPTY,
  LOST,
  UNPRICED,
  type CellCount,
  CELLS_MAX,
  type CellSum,
  type InsightCells,
  type InsightRange,
  PRICES_MAX,
  type PriceTolerance,
  readCells,
  type StoredCellRow,
} from "../insight-cells.ts";
import type { AddingUp } from "./insight-values.ts";

// Added up once by all keys, which parallel workers can do, and from these few groups by each set of keys.
const COUNTS: Readonly<Record<CellCount, string>> = {
  executions: "count(*)",
  failed: "count(*) filter (where status = 'failed')",
  timeouts: "count(*) filter (where status = 'timeout')",
  priced: "count(cost_usd)",
  lost_priced: `count(cost_usd) filter (where ${LOST})`,
  empty: `count(*) filter (where ${EMPTY})`,
  empty_priced: `count(cost_usd) filter (where ${EMPTY})`,
  measured: "count(total_tokens)",
  unpriced: `count(*) filter (where ${UNPRICED})`,
  unpriced_reported: `count(reported_cost_usd) filter (where ${UNPRICED})`,
  compared: `count(*) filter (where ${COMPARED})`,
  differing: `count(*) filter (
    where ${COMPARED} and abs(reported_cost_usd - cost_usd) > greatest($4::numeric, cost_usd * $5::numeric)
  )`,
};
const SUMS: Readonly<Record<CellSum, string>> = {
  cost: "sum(cost_usd)",
  lost_cost: `sum(cost_usd) filter (where ${LOST})`,
  empty_cost: `sum(cost_usd) filter (where ${EMPTY})`,
  input: "sum(input_tokens)",
  output: "sum(output_tokens)",
  cache_read: "sum(cached_tokens)",
  write_5m: "sum(cache_write_5m_tokens)",
  write_1h: "sum(cache_write_1h_tokens)",
  unpriced_tokens: `sum(total_tokens) filter (where ${UNPRICED})`,
  unpriced_reported_cost: `sum(reported_cost_usd) filter (where ${UNPRICED})`,
  compared_reported: `sum(reported_cost_usd) filter (where ${COMPARED})`,
  compared_computed: `sum(cost_usd) filter (where ${COMPARED})`,
};
const KEYS = "command_base, task_kind, repository, model, agent_version";
const FIRST = Object.entries({ ...COUNTS, ...SUMS }).map(([name, sum]) => `${sum} as ${name}`);
const THEN = [
  ...Object.keys(COUNTS).map((name) => `coalesce(sum(${name}), 0)::bigint as ${name}`),
  ...Object.keys(SUMS).map((name) => `sum(${name}) as ${name}`),
];

const LIST = `
with added as materialized (
  select ${KEYS}, min(timestamp) as first_at, ${FIRST.join(", ")}
  from (
    select e.*, command_features ->> 'task_kind' as task_kind, workspace_context ->> 'repository' as repository,
      model_version as model, session_context ->> 'agent_version' as agent_version
    from command_executions e
    where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status <> 'pending'
  ) ended
  group by ${KEYS}
)
select * from (
  select grouped.*, count(*) over (partition by is_cell, is_price) as group_count,
    row_number() over (
      partition by is_cell, is_price order by cost desc nulls last, executions desc, ${KEYS}
    ) as position
  from (
    select grouping(command_base) = 0 as is_cell, grouping(agent_version) = 0 as is_price, ${KEYS},
      floor(extract(epoch from min(first_at)) * 1000)::bigint as first_ms, ${THEN.join(", ")}
    from added
    group by grouping sets ((command_base, task_kind, repository, model), (model, agent_version), ())
  ) grouped
) placed
where position <= case when is_cell then ${CELLS_MAX} else ${PRICES_MAX} end
order by is_cell, is_price, position`;

/**
 * Groups everything that has ended in the range, read once: at most 5,000 cells, the dearest first, and the comparison of
 * reported with computed costs by model and agent version. Runs in a transaction of the organization.
 */
export async function listInsightCells(
  sql: AddingUp,
  organizationId: string,
  { from, to }: InsightRange,
  tolerance: PriceTolerance,
): Promise<InsightCells> {
  const { rows } = await sql.query<StoredCellRow>({
    text: LIST,
    values: [organizationId, from.toISOString(), to.toISOString(), tolerance.usd, tolerance.share],
  });
  return readCells(rows);
}
