import type { Client } from "pg";

/**
 * Rows of the ledger made by the server itself: thirty days that end now, a few hundred slash commands of which some are
 * used much more than others, a third free prompts, costs and times that spread over three orders of magnitude. `share` is
 * how much of the thirty days, from their end, the rows are spread over.
 */
export async function addExecutions(
  admin: Client,
  organizationId: string,
  rows: number,
  share = 1,
): Promise<void> {
  for (const months of [0, 1]) {
    await admin.query("select ensure_command_executions_partition(now() - $1 * interval '29 days')", [
      months,
    ]);
  }
  await admin.query(INSERT, [organizationId, rows, share]);
}

const INSERT = `
insert into command_executions (
  organization_id, id, timestamp, source, session_id, command_raw, command_base, command_args, command_features,
  workspace_context, total_tokens, input_tokens, output_tokens, cached_tokens, cache_write_5m_tokens,
  cache_write_1h_tokens, fresh_tokens, cache_hit_rate, execution_time_ms, tool_calls, status, error_message, cost_usd,
  cache_savings_usd, cost_basis, price_version, output_characteristics, model_version
)
select $1, gen_random_uuid(), now() - $3::double precision * 29 * interval '1 day' * (1 - i::double precision / $2), 'client', 's-' || (i / 12),
  case when is_prompt then 'please look into ' || i else '/command-' || command || ' src/module-' || i % 977 end,
  case when is_prompt then 'prompt' else '/command-' || command end,
  jsonb_build_object('flags', case when i % 7 = 0 then '["--deep"]'::jsonb else '[]' end, 'options', '{}'::jsonb, 'positionals',
    jsonb_build_array(jsonb_build_object('type', case when i % 3 = 0 then 'text' else 'path' end, 'value', 'src/module-' || i % 977))),
  jsonb_build_object('version', 1, 'kind', case when is_prompt then 'prompt' else 'slash_command' end,
    'task_kind', (array['fix', 'implement', 'refactor', 'test', 'review', 'explain', 'docs', 'other'])[1 + i % 8],
    'length_class', (array['xs', 's', 'm', 'l'])[1 + i / 8 % 4], 'words', i % 200, 'lines', 1 + i % 5,
    'affects_components', jsonb_build_array((array['api', 'auth', 'billing', 'cli', 'docs', 'frontend'])[1 + i / 32 % 6]),
    'paths', jsonb_build_array('src/module-' || i % 977 || '/index.ts')),
  jsonb_build_object('repository', 'acme/shop-' || i % 20, 'branch', 'main'),
  case when is_known then input + output + read + write end, case when is_known then input end,
  case when is_known then output end, case when is_known then read end, case when is_known then write end,
  case when is_known then 0 end, case when is_known then input + output + write end,
  case when is_known then 100.0 * read / (input + output + read + write) end,
  (1000 * exp(5 * random()))::bigint, i % 40, case when i % 23 = 0 then 'failed' when i % 151 = 0 then 'timeout' else 'completed' end,
  case when i % 23 = 0 then (array['API Error: 529 overloaded', 'exited with code 1', 'permission denied'])[1 + i % 3] end,
  case when is_known then ((3 * input + 15 * output + 0.3 * read + 3.75 * write) / 1e6)::numeric(20, 12) end,
  case when is_known then (2.7 * read / 1e6)::numeric(20, 12) end, case when is_known then 'computed' else 'unpriced' end, 'bench',
  '{}'::jsonb, 'claude-sonnet-4-5'
from (
  select i, i % 3 = 0 as is_prompt, floor(300 * random() ^ 2) as command, i % 97 <> 0 as is_known,
    (100 * exp(3 * random()))::bigint as input, (200 * exp(4 * random()))::bigint as output,
    (5000 * exp(5 * random()))::bigint as read, (1000 * exp(3 * random()))::bigint as write
  from generate_series(1, $2::integer) as i
) made`;
