import type { Usage } from "../agent/usage.ts";
import { type AddingUp, readUsd } from "./insight-values.ts";

/** A stretch of the ledger: from inclusive, to exclusive. */
export interface InsightRange {
  from: Date;
  to: Date;
}

/** What executions of one command, kind of task, repository and model come to. Money is in pico-dollars. */
export interface InsightCell {
  commandBase: string;
  taskKind: string | null;
  repository: string | null;
  model: string | null;
  executions: number;
  failed: number;
  timeouts: number;
  /** With a cost; the others told no tokens or have a model without a price. */
  priced: number;
  costPico: bigint;
  /** Failed or timed out, with a cost. */
  lostPriced: number;
  lostCostPico: bigint;
  /** Completed, with tokens, and not one of them was output. */
  empty: number;
  emptyPriced: number;
  emptyCostPico: bigint;
  /** With known tokens, and their sums by kind. */
  measured: number;
  usage: Usage;
  /** With tokens and without a price, what they used, and what their agents said they cost (null: none said). */
  unpriced: number;
  unpricedTokens: number;
  unpricedReported: number;
  unpricedReportedPico: bigint | null;
}

/** What agents of one version reported for a model, beside what was computed for the same executions. */
export interface PriceComparison {
  model: string | null;
  agentVersion: string | null;
  /** Executions with both figures. */
  compared: number;
  reportedPico: bigint;
  computedPico: bigint;
  /** Of these, those where the two are apart by more than the tolerance. */
  differing: number;
}

export interface InsightCells {
  cells: InsightCell[];
  /** How many there are, were they read or not. */
  cellCount: number;
  prices: PriceComparison[];
  executions: number;
  costPico: bigint | null;
  /** Of the first execution in the range; null when there is none. */
  firstAt: Date | null;
}

const CELLS_MAX = 5_000;
const PRICES_MAX = 1_000;

const LOST = "status in ('failed', 'timeout')";
const EMPTY = "status = 'completed' and total_tokens > 0 and output_tokens = 0";
const UNPRICED = "cost_basis = 'unpriced' and total_tokens > 0";
const COMPARED = "cost_basis = 'computed' and reported_cost_usd is not null";

// Added up once by all keys, which parallel workers can do, and from these few groups by each set of keys.
const COUNTS = {
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
const SUMS = {
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
      min(first_at) as first_at, ${THEN.join(", ")}
    from added
    group by grouping sets ((command_base, task_kind, repository, model), (model, agent_version), ())
  ) grouped
) placed
where position <= case when is_cell then ${CELLS_MAX} else ${PRICES_MAX} end
order by is_cell, is_price, position`;

interface Row {
  is_cell: boolean;
  is_price: boolean;
  group_count: number;
  command_base: string | null;
  task_kind: string | null;
  repository: string | null;
  model: string | null;
  agent_version: string | null;
  executions: number;
  first_at: Date | null;
  failed: number;
  timeouts: number;
  priced: number;
  cost: string | null;
  lost_priced: number;
  lost_cost: string | null;
  empty: number;
  empty_priced: number;
  empty_cost: string | null;
  measured: number;
  input: string | null;
  output: string | null;
  cache_read: string | null;
  write_5m: string | null;
  write_1h: string | null;
  unpriced: number;
  unpriced_tokens: string | null;
  unpriced_reported: number;
  unpriced_reported_cost: string | null;
  compared: number;
  compared_reported: string | null;
  compared_computed: string | null;
  differing: number;
}

/** How far a reported cost may be from the computed one: in dollars, and as a share of the computed one. */
export interface PriceTolerance {
  usd: string;
  share: string;
}

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
  const { rows } = await sql.query<Row>({
    text: LIST,
    values: [organizationId, from.toISOString(), to.toISOString(), tolerance.usd, tolerance.share],
  });
  const total = rows.find((row) => !row.is_cell && !row.is_price);
  if (total === undefined) throw new Error("the ledger answered no total");
  const cells = rows.filter((row) => row.is_cell);
  return {
    cells: cells.map(readCell),
    cellCount: cells[0]?.group_count ?? 0,
    prices: rows.filter((row) => row.is_price && row.compared > 0).map(readPrices),
    executions: total.executions,
    costPico: total.cost === null ? null : readUsd(total.cost),
    firstAt: total.first_at,
  };
}

function readCell(row: Row): InsightCell {
  return {
    commandBase: row.command_base ?? "",
    taskKind: row.task_kind,
    repository: row.repository,
    model: row.model,
    executions: row.executions,
    failed: row.failed,
    timeouts: row.timeouts,
    priced: row.priced,
    costPico: readUsd(row.cost),
    lostPriced: row.lost_priced,
    lostCostPico: readUsd(row.lost_cost),
    empty: row.empty,
    emptyPriced: row.empty_priced,
    emptyCostPico: readUsd(row.empty_cost),
    measured: row.measured,
    usage: {
      input_tokens: Number(row.input),
      output_tokens: Number(row.output),
      cache_read_tokens: Number(row.cache_read),
      cache_write_5m_tokens: Number(row.write_5m),
      cache_write_1h_tokens: Number(row.write_1h),
    },
    unpriced: row.unpriced,
    unpricedTokens: Number(row.unpriced_tokens),
    unpricedReported: row.unpriced_reported,
    unpricedReportedPico: row.unpriced_reported_cost === null ? null : readUsd(row.unpriced_reported_cost),
  };
}

function readPrices(row: Row): PriceComparison {
  return {
    model: row.model,
    agentVersion: row.agent_version,
    compared: row.compared,
    reportedPico: readUsd(row.compared_reported),
    computedPico: readUsd(row.compared_computed),
    differing: row.differing,
  };
}
