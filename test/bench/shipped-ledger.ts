import type { Client } from "pg";

const REPOSITORIES = 20;

/**
 * Thirty days of a large team, made by the server itself: sessions of twelve executions, of which one in six is on the
 * default branch, one in six on a branch nobody opened a pull request for, and the others on those of pull requests, each
 * with pushes, heads and mostly a merge; and a deployment of each repository's default branch after every tenth merge.
 */
export async function addStory(
  admin: Client,
  organizationId: string,
  { executions, pullRequests }: { executions: number; pullRequests: number },
): Promise<void> {
  for (const months of [0, 1]) {
    await admin.query("select ensure_command_executions_partition(now() - $1 * interval '29 days')", [
      months,
    ]);
  }
  await admin.query("select ensure_event_partition('github_events', now())");
  await admin.query(ADD_REPOSITORIES, [organizationId, REPOSITORIES]);
  await admin.query(ADD_NAMES, [organizationId]);
  await admin.query(ADD_PULL_REQUESTS, [organizationId, REPOSITORIES, pullRequests]);
  await admin.query(ADD_EVENTS, [organizationId]);
  await admin.query(ADD_ISSUES, [organizationId, pullRequests]);
  await admin.query(ADD_DEPLOYMENTS, [organizationId]);
  await admin.query(ADD_EXECUTIONS, [organizationId, executions, REPOSITORIES, pullRequests]);
  await admin.query("vacuum analyze");
}

const ADD_REPOSITORIES = `
insert into repositories (organization_id, provider, external_id, full_name, owner, name, default_branch, version_time,
  version_rank, version_key)
select $1, 'github', i::text, 'Acme/Shop-' || i, 'Acme', 'Shop-' || i, 'main', now(), 0, '' from generate_series(0, $2::integer - 1) i`;

const ADD_NAMES = `
insert into repository_names (organization_id, name, repository_id, first_seen)
select $1, lower(full_name), id, now() from repositories where organization_id = $1`;

const ADD_PULL_REQUESTS = `
insert into tracked_items (organization_id, source, kind, external_id, repository_id, repository, number, title, state, branch,
  base_branch, head_sha, merge_sha, opened_at, closed_at, event_id, version_time, version_rank, version_key)
select $1, 'github', 'pull_request', i::text, r.id, r.full_name, i, case when i % 3 = 0 then 'ENG-' || i || ' ' else '' end || 'Change ' || i,
  case when i % 20 = 0 then 'open' when i % 9 = 0 then 'closed' else 'merged' end, 'dev' || i % 7 || '/feature-' || i, 'main',
  md5('head' || i), case when i % 20 > 0 and i % 9 > 0 then md5('merge' || i) end, now() - (30 - 29.0 * i / $3) * interval '1 day',
  case when i % 20 > 0 then now() - (30 - 29.0 * i / $3) * interval '1 day' + i % 5 * interval '1 day' end,
  gen_random_uuid(), now(), 0, ''
from generate_series(1, $3::integer) i join repositories r on r.organization_id = $1 and r.external_id = (i % $2)::text`;

const ADD_EVENTS = `
insert into github_events (organization_id, event_id, received_at, event, repository_external_id, repository, branch, head_sha,
  number, provider_time)
select $1, gen_random_uuid(), now(), case when k % 2 = 0 then 'pull_request' else 'push' end, r.external_id, r.full_name, t.branch,
  md5(t.number || '-' || k), t.number, t.opened_at + k * interval '1 hour'
from tracked_items t join repositories r on r.id = t.repository_id, generate_series(1, 10) k
where t.organization_id = $1`;

const ADD_ISSUES = `
insert into tracked_items (organization_id, source, kind, external_id, identifier, title, state, conclusion, event_id,
  version_time, version_rank, version_key)
select $1, 'linear', 'issue', 'issue-' || i, 'ENG-' || i, 'Issue ' || i, 'Done', 'completed', gen_random_uuid(), now(), 0, ''
from generate_series(1, $2::integer) i`;

const ADD_DEPLOYMENTS = `
insert into deployment_records (organization_id, provider, external_id, state, environment, repository_id, repository, sha, ref,
  started_at, finished_at, event_id, version_rank, version_time, version_key)
select $1, 'github', number::text, 'success', 'production', repository_id, repository, merge_sha, 'main', closed_at,
  closed_at + interval '10 minutes', gen_random_uuid(), 3, now(), ''
from tracked_items where organization_id = $1 and merge_sha is not null and number % 10 in (1, 4)`;

const ADD_EXECUTIONS = `
insert into command_executions (
  organization_id, id, timestamp, source, session_id, command_raw, command_base, command_args, command_features,
  workspace_context, session_context, total_tokens, input_tokens, output_tokens, cached_tokens, cache_write_5m_tokens,
  cache_write_1h_tokens, fresh_tokens, cache_hit_rate, execution_time_ms, tool_calls, status, cost_usd, cost_basis,
  price_version, output_characteristics, model_version
)
select $1, gen_random_uuid(), now() - 29 * interval '1 day' * (1 - i::double precision / $2), 'client', 'session-' || md5(s::text),
  case when i % 30 = 0 then 'implement ENG-' || s % $4 || ' as discussed' else 'please look into the failing tests of ' || i end,
  'prompt', '{}', case when i % 30 = 0 then '{"version": 1, "kind": "prompt", "mentions": {"issues": 1}}'::jsonb
    else '{"version": 1, "kind": "prompt", "paths": ["src/module/index.ts"], "mentions": {"files": 1}}'::jsonb end,
  jsonb_build_object('repository', case when s % 2 = 0 then 'acme/shop-' else 'Acme/Shop-' end || n % $3, 'repository_host', 'github.com',
    'branch', case s % 6 when 0 then 'main' when 1 then 'wip-' || s else 'dev' || n % 7 || '/feature-' || n end, 'commit', md5('start' || s || i % 3)),
  jsonb_build_object('session_id', 'session-' || md5(s::text), 'agent', 'claude-code', 'developer', 'dev' || s % 40),
  60000, 10000, 2000, 40000, 8000, 0, 20000, 66.7, 42000, i % 40, case when i % 23 = 0 then 'failed' else 'completed' end,
  (0.01 * exp(3 * random()))::numeric(20, 12), 'computed', 'bench', '{"usage_source": "result", "num_turns": 12}', 'claude-sonnet-4-5'
from (
  select i, i / 12 as s, 1 + (i / 12 * 7919) % $4::integer as n from generate_series(1, $2::integer) as i
) made`;
