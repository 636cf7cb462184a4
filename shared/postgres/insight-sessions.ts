import { type InsightRange, readUsd } from "../insight-cells.ts";
import {
  AT_WORK_MS,
  DEAREST_MAX,
  GROUPS_MAX,
  HEAVY_MAX,
  type InsightSessions,
  LONG_MAX,
} from "../insight-sessions.ts";
import type { AddingUp } from "./insight-values.ts";

const LIST = `
with sessions as materialized (
  select
    coalesce(session_id, id::text) as session,
    bool_and(session_id is not null) as is_named,
    count(*) as executions,
    count(cost_usd) as priced,
    sum(cost_usd) as cost,
    min(timestamp) as first_at,
    max(timestamp) as last_at,
    case when min(command_base) = max(command_base) then min(command_base) end as command_base,
    case when min(repository) = max(repository) and count(repository) = count(*) then min(repository) end as repository,
    case when min(model_version) = max(model_version) then min(model_version) end as model,
    sum(cached_tokens) as read_tokens,
    sum(cache_write_5m_tokens + cache_write_1h_tokens) as written_tokens,
    count(cache_savings_usd) as saving_count,
    sum(cache_savings_usd) as savings,
    max(total_tokens) filter (where model_version = any($4::text[])) as longest
  from (
    select id, session_id, timestamp, command_base, workspace_context ->> 'repository' as repository, model_version,
      cost_usd, cached_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_savings_usd, total_tokens
    from command_executions
    where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status <> 'pending'
  ) ended
  group by 1
), priced as materialized (
  select *, ln(cost::double precision) as log_cost from sessions where is_named and priced = executions and cost > 0
), middle as (
  select count(*) as sessions, percentile_cont(0.5) within group (order by log_cost) as median from priced
), spread as (
  select percentile_cont(0.5) within group (order by abs(p.log_cost - m.median)) as mad from priced p, middle m
)
select m.sessions::integer as sessions, m.median, s.mad,
  (select coalesce(jsonb_agg(d), '[]') from (
    select session, repository, model, executions, cost::text as cost, first_at, last_at
    from priced order by priced.cost desc, session limit ${DEAREST_MAX}
  ) d) as dearest,
  (select coalesce(jsonb_agg(r), '[]') from (
    select repository, count(*) as sessions from priced group by 1 order by 2 desc, 1 limit ${GROUPS_MAX}
  ) r) as by_repository,
  (select coalesce(jsonb_agg(c), '[]') from (
    select command_base, repository, model, count(*) as sessions,
      count(*) filter (where is_unread) as unread,
      coalesce(sum(executions) filter (where is_unread), 0) as unread_executions,
      coalesce(sum(written_tokens) filter (where is_unread), 0) as unread_tokens,
      coalesce(-sum(savings) filter (where is_unread), 0)::text as wasted
    from (
      select *, coalesce(
        read_tokens = 0 and written_tokens > 0 and saving_count = executions and last_at < $3::timestamptz - interval '${AT_WORK_MS} milliseconds', false
      ) as is_unread
      from sessions
    ) judged
    group by 1, 2, 3
    order by -sum(savings) filter (where is_unread) desc nulls last, count(*) desc, 1, 2, 3
    limit ${GROUPS_MAX}
  ) c) as cache_reuse,
  (select coalesce(jsonb_agg(session order by place, session), '[]') from (
    select session, min(place) as place
    from (
      select session, row_number() over (order by written_tokens desc, session) as place from (
        select session, written_tokens from sessions where is_named and written_tokens > 0
        order by 2 desc, 1 limit ${HEAVY_MAX}
      ) written
      union all
      select session, row_number() over (order by longest desc, session) from (
        select session, longest from sessions where is_named and longest > 0 order by 2 desc, 1 limit ${LONG_MAX}
      ) long
    ) placed
    group by 1
  ) h) as heavy
from middle m, spread s`;

interface Row {
  sessions: number;
  median: number | null;
  mad: number | null;
  dearest: {
    session: string;
    repository: string | null;
    model: string | null;
    executions: number;
    cost: string;
    first_at: string;
    last_at: string;
  }[];
  by_repository: { repository: string | null; sessions: number }[];
  cache_reuse: {
    command_base: string | null;
    repository: string | null;
    model: string | null;
    sessions: number;
    unread: number;
    unread_executions: number;
    unread_tokens: number;
    wasted: string;
  }[];
  heavy: string[];
}

/**
 * What sessions come to; an execution without a session stands for one of its own where caches are looked at.
 * `tieredModels` have a price by the size of a request. Runs in a transaction of the organization.
 */
export async function listInsightSessions(
  sql: AddingUp,
  organizationId: string,
  { from, to }: InsightRange,
  tieredModels: readonly string[],
): Promise<InsightSessions> {
  const { rows } = await sql.query<Row>({
    text: LIST,
    values: [organizationId, from.toISOString(), to.toISOString(), tieredModels],
  });
  const row = rows[0];
  if (row === undefined) throw new Error("the ledger answered no sessions");
  return {
    priced: row.sessions,
    medianLog: row.median,
    madLog: row.mad,
    dearest: row.dearest.map(({ session, cost, first_at, last_at, ...rest }) => ({
      ...rest,
      sessionId: session,
      costPico: readUsd(cost),
      firstAt: new Date(first_at).toISOString(),
      lastAt: new Date(last_at).toISOString(),
    })),
    byRepository: row.by_repository,
    cacheReuse: row.cache_reuse.map((group) => ({
      commandBase: group.command_base,
      repository: group.repository,
      model: group.model,
      sessions: group.sessions,
      unread: group.unread,
      unreadExecutions: group.unread_executions,
      unreadWriteTokens: group.unread_tokens,
      wastedPico: readUsd(group.wasted),
    })),
    heavy: row.heavy,
  };
}
