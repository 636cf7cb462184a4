import type { ShippedKind } from "../shipped.ts";
import type { Sql } from "./pool.ts";
import { LINKS } from "./shipped-links.ts";
import { TARGETS } from "./shipped-targets.ts";
import { PULL_REQUESTS, WORK } from "./shipped-work.ts";

export interface ShippedQuery {
  by: ShippedKind;
  /** First moment that counts, and the first that no longer does. */
  from: Date;
  to: Date;
  /** Counts this person's executions alone: a developer's name as sessions tell it, or a user's name or address. */
  person: string | null;
  /** Counts what belongs to this repository alone, in any form of its name. */
  repository: string | null;
  /** Lists targets in this state alone; the totals stay. */
  state: string | null;
  environment: string | null;
  limit: number;
  offset: number;
}

/** Sums over executions that have ended. Amounts are exact decimal text; null where nothing is known. */
export interface StoredMeasures {
  executions: number;
  failures: number;
  total_tokens: number | null;
  unmeasured: number;
  cost_usd: string | null;
  unpriced: number;
}

export interface StoredShippedRow extends StoredMeasures {
  kind: "whole" | "attributed" | "unattributed" | "reason" | "listed" | "row" | "evidence";
  /** The target of a row and of its evidence. */
  target: string | null;
  /** The reason, or the evidence. */
  name: string | null;
  state: string | null;
  shared: number;
  people: number | null;
  sessions: number | null;
  first_at: Date | null;
  last_at: Date | null;
  /** Targets in all, on this page or not. */
  groups: number | null;
  about: Record<string, unknown> | null;
}

const SUMS = `
  coalesce(sum(executions), 0)::bigint as executions, coalesce(sum(failures), 0)::bigint as failures,
  sum(total_tokens)::bigint as total_tokens, coalesce(sum(unmeasured), 0)::bigint as unmeasured,
  sum(cost_usd) as cost_usd, coalesce(sum(unpriced), 0)::bigint as unpriced, coalesce(sum(shared), 0)::bigint as shared`;
const MEASURES = "executions, failures, total_tokens, unmeasured, cost_usd, unpriced, shared";
const NOTHING_ELSE = `
  null::bigint as people, null::bigint as sessions, null::timestamptz as first_at, null::timestamptz as last_at,
  null::bigint as groups, null::jsonb as about, null::bigint as position`;

function statementOf(kind: ShippedKind): string {
  const { tables, about } = TARGETS[kind];
  return `
with ${PULL_REQUESTS},${WORK},${LINKS},${tables},
by_reason as materialized (
  select target is not null as is_attributed, reason, ${SUMS} from assigned group by 1, 2
),
by_target as materialized (
  select target, ${SUMS}, count(distinct person) as people, count(distinct session_id) as sessions,
    min(first_at) as first_at, max(last_at) as last_at
  from assigned
  where target is not null
  group by target
),
listed as materialized (
  select b.*, d.state, count(*) over () as groups,
    row_number() over (order by b.cost_usd desc nulls last, b.executions desc, b.target collate "C") as position
  from by_target b join details d using (target)
  where $6::text is null or d.state = $6
),
page as materialized (
  select * from listed where position > $8 and position <= $8 + $7::bigint
)
select kind, target, name, state, ${MEASURES.replace("cost_usd", "trim_scale(cost_usd)::text as cost_usd")}, people, sessions,
  first_at, last_at, groups, about
from (
  select 'whole' as kind, null as target, null as name, null as state, ${SUMS}, ${NOTHING_ELSE} from by_reason
  union all
  select 'attributed', null, null, null, ${SUMS}, ${NOTHING_ELSE} from by_reason where is_attributed
  union all
  select 'unattributed', null, null, null, ${SUMS}, ${NOTHING_ELSE} from by_reason where not is_attributed
  union all
  select 'reason', null, reason, null, ${SUMS}, ${NOTHING_ELSE} from by_reason where not is_attributed group by reason
  union all
  select 'listed', null, null, null, ${SUMS}, null, null, null, null, count(*), null, null from listed
  union all
  select 'row', p.target, null, p.state, ${MEASURES.split(", ")
    .map((name) => `p.${name}`)
    .join(", ")}, p.people, p.sessions, p.first_at, p.last_at, p.groups, ${about}, p.position
  from page p
  union all
  select 'evidence', target, evidence, null, ${SUMS}, ${NOTHING_ELSE}
  from assigned
  where target in (select target from page)
  group by target, evidence
) answered
order by position nulls first, kind, answered.cost_usd desc nulls last, answered.executions desc, name`;
}

/**
 * Groups are hashed in memory; compiling a statement of this size would take longer than running it. The planner cannot
 * guess how few groups there are, and would sort all executions by nine texts to find them: more than half of the time.
 */
const SETTINGS = "set local work_mem = '64MB'; set local jit = off; set local enable_sort = off";

/** The ledger's executions by what they were for. Runs in a transaction of the organization. */
export async function listShipped(
  sql: Sql,
  organizationId: string,
  query: ShippedQuery,
): Promise<StoredShippedRow[]> {
  await sql.query(SETTINGS);
  const { rows } = await sql.query<StoredShippedRow>({
    text: statementOf(query.by),
    values: [
      organizationId,
      query.from.toISOString(),
      query.to.toISOString(),
      query.person,
      query.repository,
      query.state,
      query.limit,
      query.offset,
      ...(TARGETS[query.by].asksEnvironment ? [query.environment] : []),
    ],
  });
  return rows;
}
