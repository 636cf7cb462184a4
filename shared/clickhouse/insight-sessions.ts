import { type InsightRange, readUsd } from "../insight-cells.ts";
import {
  AT_WORK_MS,
  DEAREST_MAX,
  GROUPS_MAX,
  HEAVY_EXECUTIONS_MAX,
  HEAVY_MAX,
  type InsightSessions,
  LONG_MAX,
} from "../insight-sessions.ts";
import type { ClickHouse } from "./client.ts";
import { type OrganizationQuery, queryForOrganization } from "./organization-query.ts";

const RANGE = `organization_id = {organization_id:UUID}
        and timestamp >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        and timestamp < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')`;
const onlyOne = (column: string): string => `if(min(e.${column}) = max(e.${column}), min(e.${column}), null)`;
const REPOSITORY = `if(count(e.repository) = count(), ${onlyOne("repository")}, null)`;
const IS_PRICED = "priced = executions and cost > 0";

/** By command, repository and model, by repository, and (neither) of everything. */
const GROUPS = `
select * except (position, logs),
  if(is_repository, null, arrayReduce('quantileExactInclusive(0.5)', logs)) as median,
  if(is_repository, null, arrayReduce('quantileExactInclusive(0.5)', arrayMap(one -> abs(one - median), logs))) as mad
from (
  select *, row_number() over (
      partition by is_group, is_repository
      order by if(is_group, wasted, null) desc nulls last, if(is_group, sessions, priced_sessions) desc,
        command_base nulls last, repository nulls last, model nulls last
    ) as position
  from (
    select grouping(j.command_base) = 0 as is_group, grouping(j.repository) = 0 as is_repository,
      j.command_base as command_base, j.repository as repository, j.model as model,
      count() as sessions,
      countIf(is_unread) as unread,
      sumIf(executions, is_unread) as unread_executions,
      sumIf(written_tokens, is_unread) as unread_tokens,
      -sumIf(savings, is_unread) as wasted,
      countIf(is_priced) as priced_sessions,
      groupArrayIf(log(toFloat64(assumeNotNull(cost))), is_priced) as logs
    from (
      select *, ifNull(is_named and ${IS_PRICED}, false) as is_priced, ifNull(
        read_tokens = 0 and written_tokens > 0 and saving_count = executions
          and last_at < fromUnixTimestamp64Milli({to_ms:Int64} - ${AT_WORK_MS}, 'UTC'), false
      ) as is_unread
      from (
        select
          ifNull(e.session_id, toString(e.id)) as session,
          count(e.session_id) = count() as is_named,
          count() as executions,
          count(e.cost_usd) as priced,
          sum(e.cost_usd) as cost,
          max(e.timestamp) as last_at,
          ${onlyOne("command_base")} as command_base,
          ${REPOSITORY} as repository,
          ${onlyOne("model")} as model,
          sum(e.cache_read_tokens) as read_tokens,
          sum(e.cache_write_5m_tokens + e.cache_write_1h_tokens) as written_tokens,
          count(e.cache_savings_usd) as saving_count,
          sum(e.cache_savings_usd) as savings
        from executions as e
        where ${RANGE}
        group by session
      )
    ) as j
    group by grouping sets ((j.command_base, j.repository, j.model), (j.repository), ())
  )
)
where position <= ${GROUPS_MAX}
order by is_group, is_repository, position`;

// Which ones they are is found from few columns, the rest is read for those alone.
const DEAREST = `
select
  assumeNotNull(e.session_id) as session, ${REPOSITORY} as repository, ${onlyOne("model")} as model, count() as executions,
  sum(e.cost_usd) as cost,
  toUnixTimestamp64Milli(min(e.timestamp)) as first_ms, toUnixTimestamp64Milli(max(e.timestamp)) as last_ms
from executions as e
where ${RANGE}
  and session_id in (
    select session_id from (
      select session_id, count() as executions, count(cost_usd) as priced, sum(cost_usd) as cost
      from executions
      where ${RANGE} and session_id is not null
      group by session_id
    )
    where ${IS_PRICED}
    order by cost desc, session_id
    limit ${DEAREST_MAX}
  )
group by session
order by cost desc, session`;

const tops = (tokens: string, where: string, max: number): string => `
    select session_id, row_number() over (order by tokens desc, session_id) as place
    from (
      select session_id, ${tokens} as tokens
      from executions
      where ${RANGE} and session_id is not null ${where}
      group by session_id
      having tokens > 0
      order by tokens desc, session_id
      limit ${max}
    )`;
const HEAVY = `
with (
  select groupArray(session) from (
    select assumeNotNull(session_id) as session
    from (${tops("sum(cache_write_5m_tokens + cache_write_1h_tokens)", "", HEAVY_MAX)}
      union all${tops("max(total_tokens)", "and has(JSONExtract({tiered:String}, 'Array(String)'), model)", LONG_MAX)}
    )
    group by session
    order by min(place), session
  )
) as heavy
select id, assumeNotNull(session_id) as session
from executions
where ${RANGE} and session_id in (select arrayJoin(heavy))
order by indexOf(heavy, session), timestamp, id
limit ${HEAVY_EXECUTIONS_MAX}`;

interface GroupRow {
  is_group: number;
  is_repository: number;
  command_base: string | null;
  repository: string | null;
  model: string | null;
  sessions: string;
  unread: string;
  unread_executions: string;
  unread_tokens: string | null;
  wasted: string | null;
  priced_sessions: string;
  median: number | null;
  mad: number | null;
}

interface DearestRow {
  session: string;
  repository: string | null;
  model: string | null;
  executions: string;
  cost: string;
  first_ms: string;
  last_ms: string;
}

export interface CopiedSessions {
  sessions: InsightSessions;
  /** Of the heavy sessions, by id, those of the first session first: at most 50,000. */
  heavyExecutions: string[];
}

/** The same of the analytics copy as of the ledger; `tieredModels` have a price by the size of a request. */
export async function listCopiedSessions(
  client: ClickHouse,
  organizationId: string,
  { from, to }: InsightRange,
  tieredModels: readonly string[],
  deadline: Pick<OrganizationQuery, "signal" | "maxSeconds">,
): Promise<CopiedSessions> {
  const range = { from_ms: from.getTime(), to_ms: to.getTime() };
  const ask = <Row>(query: string, params: Readonly<Record<string, string | number>>): Promise<Row[]> =>
    queryForOrganization<Row>(client, organizationId, { query, params, ...deadline });
  const groups = await ask<GroupRow>(GROUPS, range);
  const dearest = await ask<DearestRow>(DEAREST, range);
  const heavy = await ask<{ id: string; session: string }>(HEAVY, {
    ...range,
    tiered: JSON.stringify(tieredModels),
  });
  const total = groups.find((row) => row.is_repository === 0);
  if (total === undefined) throw new Error("the analytics copy answered no sessions");
  const sessions = {
    priced: Number(total.priced_sessions),
    medianLog: total.median,
    madLog: total.mad,
    dearest: dearest.map((row) => ({
      sessionId: row.session,
      repository: row.repository,
      model: row.model,
      executions: Number(row.executions),
      costPico: readUsd(row.cost),
      firstAt: new Date(Number(row.first_ms)).toISOString(),
      lastAt: new Date(Number(row.last_ms)).toISOString(),
    })),
    byRepository: groups
      .filter((row) => row.is_repository === 1 && row.is_group === 0 && row.priced_sessions !== "0")
      .map((row) => ({ repository: row.repository, sessions: Number(row.priced_sessions) })),
    cacheReuse: groups
      .filter((row) => row.is_group === 1)
      .map((row) => ({
        commandBase: row.command_base,
        repository: row.repository,
        model: row.model,
        sessions: Number(row.sessions),
        unread: Number(row.unread),
        unreadExecutions: Number(row.unread_executions),
        unreadWriteTokens: Number(row.unread_tokens),
        wastedPico: readUsd(row.wasted),
      })),
    heavy: [...new Set(heavy.map(({ session }) => session))],
  };
  return { sessions, heavyExecutions: heavy.map(({ id }) => id) };
}
