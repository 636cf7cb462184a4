import type { ShippedKind } from "../shipped.ts";
import { SHIPMENTS } from "./shipped-deployments.ts";
import { splitParts } from "./shipped-split.ts";

/**
 * The last part of the statement behind `GET /v1/shipped`: what the parts are counted for. `assigned` has every part once,
 * with a target or a reason; `details` has the state of each target; `about` describes one that is on the page.
 */
interface Target {
  /** Common table expressions that end with `assigned` and `details (target, state)`. */
  tables: string;
  /** Whether $9 is in it. */
  asksEnvironment: boolean;
  /** A JSON object for the row `p` of the page. */
  about: string;
}

const MEASURES = "executions, failures, total_tokens, unmeasured, cost_usd, unpriced";
const PART = `person, session_id, first_at, last_at, ${MEASURES}`;

/** Milliseconds since 1970, as JSON holds them exactly. */
const ms = (moment: string): string => `(extract(epoch from ${moment}) * 1000)::bigint`;
const span = (from: string, to: string): string => `greatest(0, ${ms(`${to} - ${from}`)})`;

const NAME_OF_REPOSITORY = (id: string): string =>
  `(select full_name from repositories where organization_id = $1 and id = ${id})`;

const pullRequest: Target = {
  asksEnvironment: true,
  tables: `
${SHIPMENTS},
assigned as materialized (
  select pull_request as target, evidence, reason, shared, ${PART} from kept
),
details as (select id as target, state from pull_requests)`,
  about: `(
    select jsonb_build_object(
      'repository', ${NAME_OF_REPOSITORY("r.repository_id")}, 'number', r.number, 'title', r.title, 'url', r.url,
      'author', r.author, 'branch', r.branch, 'issues', (select jsonb_agg(distinct i.key) from issues i where i.key = any (r.keys)),
      'opened_at', ${ms("r.opened_at")},
      'merged_at', case when r.state = 'merged' then ${ms("r.closed_at")} end,
      'closed_at', ${ms("r.closed_at")},
      'deployed_at', ${ms("s.shipped_at")}, 'deployment', s.deployment, 'deployment_proof', s.proof,
      'started_at', ${ms("least(p.first_at, r.opened_at, c.first_commit_at)")},
      'lead_time_ms', case when r.state = 'merged' then
        ${span("least(p.first_at, r.opened_at, c.first_commit_at)", "r.closed_at")} end,
      'deploy_time_ms', case when r.state = 'merged' then
        ${span("least(p.first_at, r.opened_at, c.first_commit_at)", "s.shipped_at")} end
    )
    from pull_requests r
      left join shipments s on s.unit = r.id
      left join lateral (
        select min(c.committed_at) as first_commit_at
        from heads h
          join repository_commits c
            on c.organization_id = $1 and c.repository_id = r.head_repository_id and c.sha = h.sha
        where h.id = r.id
      ) c on true
    where r.id = p.target
  )`,
};

const issue: Target = {
  asksEnvironment: false,
  tables: `
told_keys as materialized (
  select k.part, told.key, told.rank,
    case told.rank when 1 then 'branch_key' when 2 then 'pull_request_key' else 'command_key' end as evidence
  from kept k
    join located l using (id)
    left join pull_requests r on r.id = k.pull_request
    cross join lateral (
      select unnest(l.branch_keys) as key, 1 as rank
      union all select unnest(r.keys), 2
      union all select unnest(l.mentions), 3
    ) as told
  where l.branch_keys <> '{}' or r.keys <> '{}' or l.mentions <> '{}'
),
told_issues as materialized (
  select distinct t.part
  from told_keys t
    join (select distinct split_part(key, '-', 1) as team from issues) teams on teams.team = split_part(t.key, '-', 1)
),
named_issues as materialized (
  select part, id as target, evidence, row_number() over (partition by part order by key) as place,
    count(*) over (partition by part) as targets
  from (
    select distinct t.part, i.id, i.key, t.evidence, t.rank, min(t.rank) over (partition by t.part) as best
    from told_keys t join issues i using (key)
  ) known
  where rank = best
),
issue_shares as materialized (
  select part as id, target, n.evidence, 1::numeric as weight, place, ${PART}
  from named_issues n join kept k using (part)
  where targets > 1
),
assigned as materialized (
  select target, n.evidence, null::text as reason, shared, ${PART} from named_issues n join kept k using (part) where targets = 1
  union all
  select target, evidence, null, shared, ${PART} from (${splitParts("issue_shares")}) split
  union all
  select null, null,
    case when part in (select part from told_issues) then 'issue_unknown' else 'no_issue' end,
    shared, ${PART}
  from kept k
  where part not in (select part from named_issues)
),
details as (select id as target, type as state from issues)`,
  about: `(
    select jsonb_build_object(
      'key', i.key, 'title', i.title, 'url', i.url, 'assignee', i.assignee, 'state_name', i.state,
      'opened_at', ${ms("i.opened_at")}, 'closed_at', ${ms("i.closed_at")}, 'started_at', ${ms("p.first_at")},
      'lead_time_ms', case when i.type = 'completed' then ${span("p.first_at", "i.closed_at")} end
    )
    from issues i where i.id = p.target
  )`,
};

const deployment: Target = {
  asksEnvironment: true,
  tables: `
${SHIPMENTS},
assigned as materialized (
  select s.deployment as target, s.proof as evidence,
    case when s.deployment is not null then null
      when k.pull_request is null then case when c.unit is null then k.reason else 'not_deployed' end
      when r.state = 'merged' then 'not_deployed'
      when r.state = 'open' then 'pull_request_open'
      else 'pull_request_not_merged' end as reason,
    k.shared, ${PART.split(", ")
      .map((name) => `k.${name}`)
      .join(", ")}
  from kept k
    left join pull_requests r on r.id = k.pull_request
    left join commits_made c using (part)
    left join shipments s on s.unit = coalesce(k.pull_request, c.unit)
),
details as (select id as target, state from deployments)`,
  about: `(
    select jsonb_build_object(
      'repository', coalesce(${NAME_OF_REPOSITORY("d.repository_id")}, d.repository), 'provider', d.provider,
      'id', d.external_id, 'environment', d.environment, 'commit', d.sha, 'url', d.url, 'actor', d.actor,
      'pull_requests', (
        select jsonb_agg(r.number order by r.number)
        from shipments s join pull_requests r on r.id = s.unit
        where s.deployment = d.id
      ),
      'started_at', ${ms("p.first_at")}, 'deployed_at', ${ms("d.shipped_at")},
      'lead_time_ms', ${span("p.first_at", "d.shipped_at")}
    )
    from deployments d where d.id = p.target
  )`,
};

const repository: Target = {
  asksEnvironment: false,
  tables: `
assigned as materialized (
  select repository_id::text as target, case when repository_id is not null then coalesce(evidence, 'repository') end as evidence,
    case when repository_id is null then reason end as reason, shared, ${PART}
  from kept
),
details as (
  select id::text as target, case when deleted_at is not null then 'deleted' when is_archived then 'archived' else 'active' end as state
  from repositories
  where organization_id = $1
),
merged as materialized (
  select r.repository_id::text as target, r.closed_at - least(min(k.first_at), r.opened_at) as lead_time
  from kept k join pull_requests r on r.id = k.pull_request
  where r.state = 'merged'
  group by r.id, r.repository_id, r.closed_at, r.opened_at
)`,
  about: `(
    select jsonb_build_object(
      'repository', r.full_name, 'url', r.url, 'default_branch', r.default_branch,
      'pull_requests', (select count(distinct k.pull_request) from kept k where k.repository_id = r.id),
      'merged', (select count(*) from merged m where m.target = p.target),
      'lead_time_ms', (
        select ${ms("percentile_cont(0.5) within group (order by greatest(m.lead_time, interval '0'))")}
        from merged m where m.target = p.target
      )
    )
    from repositories r where r.organization_id = $1 and r.id = p.target::uuid
  )`,
};

export const TARGETS: Record<ShippedKind, Target> = {
  pull_request: pullRequest,
  issue,
  deployment,
  repository,
};
