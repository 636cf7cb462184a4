import { splitParts } from "./shipped-split.ts";

/**
 * The second part of the statement behind `GET /v1/shipped`: which pull request each group of executions was for, and how
 * that is known. `parts` holds all that was run, once: what is linked has a pull request and its evidence, what is not has
 * a reason.
 */

/**
 * Since when and until when a branch (or a commit, or a key) stands for which of its pull requests: of those that were not
 * closed yet, the one that was opened first. No two of these times overlap.
 */
const windows = (columns: string, from: string, rest = ""): string => `
  select * from (
    select id, ${columns},
      coalesce(
        max(coalesce(closed_at, timestamptz 'infinity')) over (
          partition by ${columns} order by opened_at, number, id rows between unbounded preceding and 1 preceding
        ), timestamptz '-infinity'
      ) as since,
      ${rest === "" ? "coalesce(closed_at, timestamptz 'infinity')" : rest} as until
    from (${from}) candidates
  ) placed
  where since < until`;

/** How long GitHub's events are looked back at, before the range, for commits that were pushed. */
const EVENTS_BACK = "interval '90 days'";

const COMMITS = `
issues as materialized (
  select upper(t.identifier) as key, t.external_id as id, t.title, t.state, t.conclusion as type, t.assignee, t.url,
    t.opened_at, t.closed_at
  from tracked_items t
  where t.organization_id = $1 and t.source = 'linear' and t.kind = 'issue' and t.identifier is not null
    and t.deleted_at is null
),
branch_windows as materialized (${windows(
  "head_repository_id, branch",
  `select p.* from pull_requests p
     left join repositories r on r.organization_id = $1 and r.id = p.head_repository_id
   where p.branch is not null and p.branch is distinct from r.default_branch`,
)}
),
pushes as materialized (
  select r.id as repository_id, g.branch, g.head_sha as sha, min(g.provider_time) as at,
    g.branch = coalesce(r.default_branch, 'main') as is_default
  from github_events g
    join repositories r
      on r.organization_id = $1 and r.provider = 'github' and r.external_id = g.repository_external_id
  where g.organization_id = $1 and g.event = 'push' and g.head_sha is not null and g.branch is not null
    and g.received_at >= $2::timestamptz - ${EVENTS_BACK}
  group by 1, 2, 3, 5
),
heads as materialized (
  select id, head_sha as sha from pull_requests where head_sha is not null
  union
  select p.id, g.head_sha
  from github_events g
    join repositories r
      on r.organization_id = $1 and r.provider = 'github' and r.external_id = g.repository_external_id
    join pull_requests p on p.repository_id = r.id and p.number = g.number
  where g.organization_id = $1 and g.event = 'pull_request' and g.head_sha is not null
    and g.received_at >= $2::timestamptz - ${EVENTS_BACK}
  union
  select b.id, p.sha
  from pushes p
    join branch_windows b
      on b.head_repository_id = p.repository_id and b.branch = p.branch and p.at >= b.since and p.at < b.until
),
commit_windows as materialized (${windows(
  "sha",
  `select p.*, h.sha from heads h join pull_requests p using (id)
   where not exists (select from pull_requests m where m.merge_sha = h.sha)
     and not exists (select from pushes d where d.sha = h.sha and d.is_default)`,
  // What a commit proves does not end with the last pull request that has it.
  "case when lead(id) over (partition by sha order by opened_at, number, id) is null then timestamptz 'infinity' else coalesce(closed_at, timestamptz 'infinity') end",
)}
),
key_windows as materialized (${windows(
  "repository_id, key",
  `select p.*, i.key from pull_requests p cross join lateral unnest(p.keys) as told(key) join issues i on i.key = told.key`,
)}
)`;

/** Links that name one pull request: its number, the commit a run ended on, the branch, the commit it began on. */
const DIRECT = `
told_numbers as materialized (
  select told, case when told ~ '/' then repository_key(told) end as name,
    substring(told from '(?:^[#!]?|/(?:pulls?|merge_requests)/)([0-9]{1,9})(?:$|[/?#])')::bigint as number
  from (select distinct number_told as told from work where number_told is not null) told
),
direct as materialized (
  select l.id,
    coalesce(pn.id, ha.id, b.id, hb.id) as pull_request,
    case when pn.id is not null then 'number' when ha.id is not null then 'commit' when b.id is not null then 'branch'
      when hb.id is not null then 'start_commit' end as evidence
  from located l
    left join told_numbers t on t.told = l.number_told
    left join names n on n.name = t.name and l.first_at >= n.since and l.first_at < n.until
    left join pull_requests pn on pn.repository_id = coalesce(n.repository_id, l.repository_id) and pn.number = t.number
    left join commit_windows ha on ha.sha = l.commit_after and l.first_at >= ha.since and l.first_at < ha.until
    left join branch_windows b on b.head_repository_id = l.repository_id and b.branch = l.own_branch
      and l.first_at >= b.since and l.first_at < b.until
    left join commit_windows hb on hb.sha = l.commit and l.first_at >= hb.since and l.first_at < hb.until
)`;

/** Links that may name several: numbers in the command, Linear keys, and at last what else the session touched. */
const INDIRECT = `
open_work as materialized (
  select l.*, case
    when l.repository_told is null then 'no_repository'
    when not l.is_known then 'repository_unknown'
    when l.number_told is not null then 'pull_request_unknown'
    when l.own_branch is null then 'no_branch'
    when l.is_default then 'default_branch'
    when u.branch is not null then 'pull_request_closed'
    else 'no_pull_request' end as reason
  from direct d
    join located l using (id)
    left join (select distinct head_repository_id, branch from pull_requests) u
      on u.head_repository_id = l.repository_id and u.branch = l.own_branch
  where d.pull_request is null
),
mentioned as materialized (
  select distinct o.id, p.id as pull_request, 'mention' as evidence
  from open_work o
    cross join lateral unnest(o.mentions) as m(told)
    left join names n on n.name = nullif(split_part(m.told, '#', 1), '') and o.first_at >= n.since and o.first_at < n.until
    join pull_requests p on p.number = nullif(split_part(m.told, '#', 2), '')::bigint
      and p.repository_id = case when m.told like '#%' then o.repository_id else n.repository_id end
  where m.told like '%#%' and o.reason in ('no_repository', 'no_branch', 'default_branch')
),
told_open_keys as materialized (
  select distinct o.id, o.repository_id, o.first_at, told.key
  from open_work o
    cross join lateral unnest(o.branch_keys || o.mentions) as told(key)
  where (o.branch_keys <> '{}' or o.mentions is not null) and o.reason <> 'pull_request_unknown'
),
-- Keys are looked up by what was told: every issue of a repository for each of its executions would be far more.
keyed as materialized (
  select distinct o.id, k.id as pull_request, 'key' as evidence
  from told_open_keys o
    join key_windows k on k.repository_id = o.repository_id and k.key = o.key
      and o.first_at >= k.since and o.first_at < k.until
  where o.id not in (select id from mentioned)
),
named as materialized (
  select id, pull_request, evidence, 1::numeric as weight from mentioned
  union all
  select id, pull_request, evidence, 1 from keyed
),
sessions as materialized (
  select l.session_id, p.repository_id, links.pull_request, sum(l.executions) as weight
  from (
    select id, pull_request from direct where pull_request is not null union all select id, pull_request from named
  ) links
    join located l using (id)
    join pull_requests p on p.id = links.pull_request
  where l.session_id in (
    select session_id from open_work where reason in ('no_repository', 'no_branch', 'default_branch')
  )
  group by 1, 2, 3
),
touched as materialized (
  select o.id, s.pull_request, 'session' as evidence, s.weight
  from open_work o
    join sessions s on s.session_id = o.session_id
      and (o.repository_told is null or s.repository_id = o.repository_id)
  where o.reason in ('no_repository', 'no_branch', 'default_branch') and o.id not in (select id from named)
),
shares as materialized (
  select l.id, l.person, l.session_id, l.first_at, l.last_at, l.executions, l.failures, l.total_tokens, l.unmeasured,
    l.cost_usd, l.unpriced, links.pull_request as target, links.evidence, links.weight,
    row_number() over (partition by l.id order by p.repository_id, p.number) as place
  from (select * from named union all select * from touched) links
    join located l using (id)
    join pull_requests p on p.id = links.pull_request
)`;

const PARTS = `
parts as materialized (
  select l.id, p.repository_id, d.pull_request, d.evidence, null::text as reason, l.person, l.session_id, l.first_at,
    l.last_at, l.executions, l.failures, l.total_tokens, l.unmeasured, l.cost_usd, l.unpriced, 0::numeric as shared
  from direct d
    join located l using (id)
    join pull_requests p on p.id = d.pull_request
  union all
  select s.id, p.repository_id, s.target, s.evidence, null, s.person, s.session_id, s.first_at, s.last_at, s.executions,
    s.failures, s.total_tokens, s.unmeasured, s.cost_usd, s.unpriced, s.shared
  from (${splitParts("shares")}) s
    join pull_requests p on p.id = s.target
  union all
  select id, case when is_known then repository_id end, null, null, reason, person, session_id, first_at, last_at,
    executions, failures, total_tokens, unmeasured, cost_usd, unpriced, 0
  from open_work
  where id not in (select id from shares)
),
kept as materialized (
  select row_number() over () as part, parts.*
  from parts
  where $5::text is null or repository_id in (select repository_id from names where name = repository_key($5))
)`;

export const LINKS = [COMMITS, DIRECT, INDIRECT, PARTS].join(",");
