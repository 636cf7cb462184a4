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
import type { ClickHouse } from "./client.ts";
import { type OrganizationQuery, queryForOrganization } from "./organization-query.ts";

const APART = "abs(reported_cost_usd - cost_usd)";

/** Of the executions `e`. */
const COUNTS: Readonly<Record<CellCount, string>> = {
  executions: "count()",
  failed: "countIf(status = 'failed')",
  timeouts: "countIf(status = 'timeout')",
  priced: "count(cost_usd)",
  lost_priced: `countIf(cost_usd is not null and ${LOST})`,
  empty: `countIf(${EMPTY})`,
  empty_priced: `countIf(cost_usd is not null and ${EMPTY})`,
  measured: "count(total_tokens)",
  unpriced: `countIf(${UNPRICED})`,
  unpriced_reported: `countIf(reported_cost_usd is not null and ${UNPRICED})`,
  compared: `countIf(${COMPARED})`,
  differing: `countIf(${COMPARED} and ${APART} > toDecimal128({tolerance_usd:String}, 12)
    and ${APART} > cost_usd * toDecimal128({tolerance_share:String}, 6))`,
};
const SUMS: Readonly<Record<CellSum, string>> = {
  cost: "sum(cost_usd)",
  lost_cost: `sumIf(cost_usd, ${LOST})`,
  empty_cost: `sumIf(cost_usd, ${EMPTY})`,
  input: "sum(input_tokens)",
  output: "sum(output_tokens)",
  cache_read: "sum(cache_read_tokens)",
  write_5m: "sum(cache_write_5m_tokens)",
  write_1h: "sum(cache_write_1h_tokens)",
  unpriced_tokens: `sumIf(total_tokens, ${UNPRICED})`,
  unpriced_reported_cost: `sumIf(reported_cost_usd, ${UNPRICED})`,
  compared_reported: `sumIf(reported_cost_usd, ${COMPARED})`,
  compared_computed: `sumIf(cost_usd, ${COMPARED})`,
};
const KEYS = ["command_base", "task_kind", "repository", "model", "agent_version"] as const;
const FIGURES = { ...COUNTS, ...SUMS };
const NAMES = Object.keys(FIGURES);

const LIST = `
select * except (position)
from (
  select *, count() over (partition by is_cell, is_price) as group_count,
    row_number() over (
      partition by is_cell, is_price
      order by cost desc nulls last, executions desc, ${KEYS.map((key) => `${key} nulls last`).join(", ")}
    ) as position
  from (
    select grouping(a.command_base) = 0 as is_cell, grouping(a.agent_version) = 0 as is_price,
      ${KEYS.map((key) => `a.${key} as ${key}`).join(", ")},
      toUnixTimestamp64Milli(min(a.first_at)) as first_ms,
      ${NAMES.map((name) => `sum(a.${name}) as ${name}`).join(", ")}
    from (
      select ${KEYS.map((key) => `e.${key} as ${key}`).join(", ")}, min(e.timestamp) as first_at,
        ${Object.entries(FIGURES)
          .map(([name, figure]) => `${figure} as ${name}`)
          .join(",\n        ")}
      from executions as e
      where organization_id = {organization_id:UUID}
        and timestamp >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        and timestamp < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
      group by ${KEYS.map((key) => `e.${key}`).join(", ")}
    ) as a
    group by grouping sets ((a.command_base, a.task_kind, a.repository, a.model), (a.model, a.agent_version), ())
  )
)
where position <= if(is_cell, ${CELLS_MAX}, ${PRICES_MAX})
order by is_cell, is_price, position`;

/** The same of the analytics copy as of the ledger, to the last digit. */
export async function listCopiedCells(
  client: ClickHouse,
  organizationId: string,
  { from, to }: InsightRange,
  tolerance: PriceTolerance,
  deadline: Pick<OrganizationQuery, "signal" | "maxSeconds">,
): Promise<InsightCells> {
  const rows = await queryForOrganization<StoredCellRow>(client, organizationId, {
    query: LIST,
    params: {
      from_ms: from.getTime(),
      to_ms: to.getTime(),
      tolerance_usd: tolerance.usd,
      tolerance_share: tolerance.share,
    },
    ...deadline,
  });
  return readCells(rows);
}
