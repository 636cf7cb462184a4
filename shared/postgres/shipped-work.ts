/**
 * The first part of the statement behind `GET /v1/shipped`: what was run, in groups small enough that everything in one of
 * them is attributed alike. Parameters: $1 organization, $2 from, $3 to, $4 person or null.
 */

/** What a key of Linear's looks like in any text: `ENG-12`. Whether there is such an issue, Linear's events say. */
const KEY = "(?:^|[^A-Za-z0-9])([A-Za-z][A-Za-z0-9]{0,9}-[0-9]{1,6})(?![A-Za-z0-9])";

/** `owner/name#12`, `#12`, the address of a pull request, or a key; of a command's first characters. */
const MENTION = String.raw`https?://[^\s/]+/([\w.-]+/[\w.-]+)/pull/([0-9]{1,9})|(?:([\w.-]+/[\w.-]+))?#([0-9]{1,9})\y|(?:^|[^A-Za-z0-9])([A-Z][A-Z0-9]{0,9}-[0-9]{1,6})(?![A-Za-z0-9])`;

/**
 * Names of repositories, each with the time in which it meant that one, and pull requests.
 */
export const PULL_REQUESTS = `
names as materialized (
  select name, repository_id, since, lead(since, 1, timestamptz 'infinity') over (partition by name order by since) as until
  from (
    select name, repository_id,
      case when row_number() over (partition by name order by first_seen, repository_id) = 1
        then timestamptz '-infinity' else first_seen end as since
    from repository_names
    where organization_id = $1
  ) told
),
pull_requests as materialized (
  -- A number is one pull request's; a second one would count executions twice.
  select distinct on (t.repository_id, t.number) t.external_id as id, t.repository_id, coalesce(t.head_repository_id, t.repository_id) as head_repository_id,
    t.number, t.title, t.state, t.branch, t.base_branch, t.head_sha, t.merge_sha, t.author, t.url, t.opened_at,
    case when t.state <> 'open' then coalesce(t.closed_at, t.version_time) end as closed_at,
    array(
      select upper(m[1]) from regexp_matches(concat_ws(' ', t.branch, t.title), '${KEY}', 'g') as m
    ) as keys
  from tracked_items t
  where t.organization_id = $1 and t.source = 'github' and t.kind = 'pull_request' and t.deleted_at is null
    and t.repository_id is not null and t.number is not null
  order by t.repository_id, t.number, t.version_time desc, t.external_id
)`;

/**
 * The moments at which the meaning of a name or a branch changes: an execution's time matters only by which of them it lies
 * between. No common table: a scan that asks one cannot be done by several workers.
 */
const BOUNDARIES = `
select coalesce(array_agg(distinct moment order by moment), '{}')
from (
  select case when state <> 'open' then coalesce(closed_at, version_time) end as moment
  from tracked_items
  where organization_id = $1 and source = 'github' and kind = 'pull_request'
  union all
  select first_seen from repository_names where organization_id = $1
) changes
where moment >= $2 and moment < $3`;

/** Executions that have ended, grouped by all that says what they were for. One pass over the ledger, nothing else of it. */
export const WORK = `
people as materialized (
  select id::text as person from users
  where organization_id = $1 and (lower(email) = lower($4::text) or lower(name) = lower($4::text))
),
work as materialized (
  select row_number() over () as id, grouped.*
  from (
    select
      workspace_context ->> 'repository' as repository_told,
      workspace_context ->> 'branch' as branch,
      -- Looked at only where no branch is told; it changes more often than all else.
      case when coalesce(workspace_context ->> 'branch', 'HEAD') = 'HEAD' then workspace_context ->> 'commit' end as commit,
      workspace_context ->> 'commit_after' as commit_after,
      workspace_context ->> 'pull_request' as number_told,
      case when command_features -> 'mentions' ? 'issues' then array(
        select distinct coalesce(upper(m[5]), lower(coalesce(m[1], m[3], '')) || '#' || coalesce(m[2], m[4]))
        from regexp_matches(left(command_raw, 8192), '${MENTION}', 'g') as m
        order by 1
      ) end as mentions,
      session_id,
      coalesce(session_context ->> 'developer', user_id::text) as person,
      width_bucket(timestamp, (${BOUNDARIES})) as slot,
      min(timestamp) as first_at,
      max(timestamp) as last_at,
      count(*)::numeric as executions,
      count(*) filter (where status in ('failed', 'timeout'))::numeric as failures,
      sum(total_tokens) as total_tokens,
      count(*) filter (where total_tokens is null)::numeric as unmeasured,
      sum(cost_usd) as cost_usd,
      count(*) filter (where cost_usd is null)::numeric as unpriced
    from command_executions
    where organization_id = $1 and timestamp >= $2 and timestamp < $3 and status <> 'pending'
      and ($4::text is null or lower(session_context ->> 'developer') = lower($4)
        or session_context ->> 'developer' is null and user_id::text in (select person from people))
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
  ) grouped
),
told_repositories as materialized (
  select told, repository_key(told) as name
  from (select distinct repository_told as told from work where repository_told is not null) told
),
told_branches as materialized (
  select told, array(select upper(m[1]) from regexp_matches(told, '${KEY}', 'g') as m) as keys
  from (select distinct branch as told from work where branch is not null) told
),
located as materialized (
  select w.*, n.repository_id, r.id is not null as is_known, tb.keys as branch_keys,
    case when w.branch = 'HEAD' then null else w.branch end as own_branch,
    w.branch = coalesce(r.default_branch, 'main') as is_default
  from work w
    left join told_repositories t on t.told = w.repository_told
    left join names n on n.name = t.name and w.first_at >= n.since and w.first_at < n.until
    left join repositories r on r.organization_id = $1 and r.id = n.repository_id
    left join told_branches tb on tb.told = w.branch
)`;
