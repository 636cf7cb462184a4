import type { Client } from "pg";

/**
 * Thirty days of a large team, made by the server itself: sessions of twelve executions in 20 repositories, by three models
 * and several versions of the agent, slash commands and free prompts of eight kinds; one in 23 fails, one in 97 has no price,
 * and each has three requests. They wait for the analytics copy as others do.
 */
export async function addFindingsLedger(
  admin: Client,
  organizationId: string,
  executions: number,
): Promise<void> {
  for (const months of [0, 1]) {
    await admin.query("select ensure_command_executions_partition(now() - $1 * interval '29 days')", [
      months,
    ]);
  }
  await admin.query(ADD_EXECUTIONS, [organizationId, executions]);
  await admin.query(ADD_WAITING, [organizationId]);
  await admin.query("vacuum analyze command_executions");
}

const ADD_EXECUTIONS = `
insert into command_executions (
  organization_id, id, timestamp, source, session_id, command_raw, command_base, command_args, command_features,
  workspace_context, session_context, total_tokens, input_tokens, output_tokens, cached_tokens, cache_write_5m_tokens,
  cache_write_1h_tokens, fresh_tokens, cache_hit_rate, execution_time_ms, tool_calls, status, error_message, cost_usd,
  cache_savings_usd, reported_cost_usd, cost_basis, price_version, output_characteristics, model_version
)
select $1, gen_random_uuid(), at, 'client', 'session-' || md5(s::text), 'please look into ' || i,
  case when i % 3 = 0 then 'prompt' else '/command-' || command end, '{}',
  jsonb_build_object('version', 1, 'kind', case when i % 3 = 0 then 'prompt' else 'slash_command' end, 'words', i % 200,
    'task_kind', (array['fix', 'implement', 'refactor', 'test', 'review', 'explain', 'docs', 'other'])[1 + (case when i % 3 = 0 then i / 3 else command end) % 8]),
  jsonb_build_object('repository', 'acme/shop-' || s % 20, 'repository_host', 'github.com', 'branch', 'feature-' || s, 'commit', md5(s::text)),
  jsonb_build_object('session_id', 'session-' || md5(s::text), 'agent', 'claude-code', 'agent_version', '2.1.' || 300 + s % 5),
  case when is_known then 50000 + read end, case when is_known then 10000 end, case when is_known then 2000 end,
  case when is_known then read end, case when is_known then 38000 end, case when is_known then 0 end,
  case when is_known then 50000 end, case when is_known then 100.0 * read / (50000 + read) end, 42000, i % 40,
  case when i % 23 = 0 then 'failed' when i % 151 = 0 then 'timeout' else 'completed' end,
  case when i % 23 = 0 then (array['API Error: 529 overloaded', 'exited with code 1', 'permission denied: ' || i])[1 + i % 3] end,
  case when is_known then cost end, case when is_known then (read - 8000) * 0.0000018 end,
  case when is_known and i % 5 < 2 then round(cost, 4) end, case when is_known then 'computed' else 'unpriced' end, 'bench',
  jsonb_build_object('usage_source', 'requests', 'requests', (
    select jsonb_agg(jsonb_build_object('id', 'req_' || md5(i || '-' || r), 'model', model, 'timestamp', at + r * 200 * interval '1 second',
      'usage', jsonb_build_object('input_tokens', 3000, 'output_tokens', 700, 'cache_read_tokens', read / 3,
        'cache_write_5m_tokens', 12000, 'cache_write_1h_tokens', 0)))
    from generate_series(0, 2) r
  )), model
from (
  select i, i / 12 as s, i % 97 <> 0 as is_known, now() - 29 * interval '1 day' * (1 - i::double precision / $2) as at,
    floor(60 * random() ^ 2)::integer as command, case when i / 12 % 9 = 0 then 0 else (5000 * exp(4 * random()))::bigint end as read,
    (0.01 * exp(4 * random()))::numeric(20, 12) as cost,
    (array['claude-sonnet-4-5', 'claude-opus-5-5', 'claude-haiku-5-5'])[1 + i / 12 % 3] as model
  from generate_series(1, $2::integer) as i
) made`;

const ADD_WAITING = `
insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes)
select $1, array_agg(id), array_agg(timestamp), 2000 * count(*)
from (
  select id, timestamp, row_number() over (order by timestamp) / 500 as statement from command_executions where organization_id = $1
) stored
group by statement`;
