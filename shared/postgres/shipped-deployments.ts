/**
 * Which deployment first brought a merged pull request, or a commit pushed to the default branch, to an environment:
 * $9, or without it every environment whose name begins with prod or live.
 */
export const SHIPMENTS = `
deployments as materialized (
  select d.provider || ':' || d.external_id as id, coalesce(d.repository_id, n.repository_id) as repository_id,
    d.repository, d.provider, d.external_id, d.state, d.environment, d.sha, regexp_replace(d.ref, '^refs/heads/', '') as branch,
    d.actor, d.url, coalesce(d.started_at, d.finished_at) as started_at, coalesce(ended.at, d.finished_at) as shipped_at
  from deployment_records d
    left join names n
      on n.name = repository_key(d.repository) and d.finished_at >= n.since and d.finished_at < n.until
    -- GitHub calls a deployment inactive once another has taken its place, whether it had succeeded or not.
    left join lateral (
      select min(e.provider_time) as at
      from deployment_events e
      where e.organization_id = $1 and e.provider = d.provider and e.deployment_id = d.external_id
        and e.state = 'success' and d.state = 'inactive'
    ) ended on true
  where d.organization_id = $1 and d.state in ('success', 'inactive') and d.finished_at >= $2
    and (d.state = 'success' or ended.at is not null)
    and case when $9::text is null then d.environment ~* '^(prod|live)' else lower(d.environment) = lower($9) end
),
mainline as materialized (
  select repository_id, branch, sha, min(at) as at
  from (
    select repository_id, branch, sha, at from pushes where at is not null
    union all
    select repository_id, base_branch, merge_sha, closed_at from pull_requests where state = 'merged' and merge_sha is not null
  ) pushed
  group by 1, 2, 3
),
commits_made as materialized (
  select distinct on (k.part) k.part, 'commit:' || p.repository_id || ':' || p.sha as unit, p.repository_id, p.branch, p.sha, p.at
  from kept k
    join located l using (id)
    join pushes p on p.repository_id = l.repository_id and p.sha = l.commit_after and p.is_default and p.at is not null
  where k.pull_request is null
  order by k.part, p.at
),
units as materialized (
  select id, repository_id, base_branch as branch, merge_sha as sha, closed_at as at
  from pull_requests
  where state = 'merged' and id in (select pull_request from kept)
  union all
  select distinct unit, repository_id, branch, sha, at from commits_made
),
shipments as materialized (
  select distinct on (u.id) u.id as unit, d.id as deployment, d.shipped_at,
    case when d.sha = u.sha then 'deployed_commit' when m.sha is not null then 'later_commit' else 'time' end as proof
  from units u
    join deployments d on d.repository_id = u.repository_id
    left join mainline m on m.repository_id = u.repository_id and m.branch = u.branch and m.sha = d.sha
  where d.sha = u.sha
    or d.shipped_at >= u.at
      and (m.at >= u.at or m.sha is null and d.started_at >= u.at and (d.branch = u.branch or d.branch is null))
  order by u.id, d.shipped_at, d.id
)`;
