import type { Client } from "pg";

export const PATTERNS = 10_000;

/**
 * Rows of the ledger made by the server itself: as many slash commands as there are patterns, one after the other, in twenty
 * repositories, over thirty days that end now. `share` is how much of these days, from their end, the rows are spread over.
 */
export async function addPatterns(
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
  cache_write_1h_tokens, fresh_tokens, cache_hit_rate, execution_time_ms, status, cost_usd, cache_savings_usd, cost_basis,
  price_version, output_characteristics, model_version
)
select $1, gen_random_uuid(), now() - $3::double precision * 29 * interval '1 day' * (1 - i::double precision / $2),
  'client', 's-' || (i / 12), '/command-' || pattern || ' src/module-' || i, '/command-' || pattern,
  '{"flags": [], "options": {}, "positionals": [{"type": "path", "value": "src/module"}]}',
  '{"version": 1, "kind": "slash_command", "task_kind": "review", "length_class": "xs", "words": 1, "lines": 1}',
  jsonb_build_object('repository', 'acme/shop-' || pattern % 20, 'branch', 'main'),
  input + output + read + write, input, output, read, write, 0, input + output + write,
  100.0 * read / (input + output + read + write), (1000 * exp(5 * random()))::bigint,
  case when i % 23 = 0 then 'failed' else 'completed' end,
  ((3 * input + 15 * output + 0.3 * read + 3.75 * write) / 1e6)::numeric(20, 12), 0, 'computed', 'bench', '{}',
  (array['claude-sonnet-4-5', 'claude-opus-4-5', 'claude-haiku-4-5'])[1 + i % 3]
from (
  select i, i % ${PATTERNS} as pattern, (100 * exp(3 * random()))::bigint as input,
    (200 * exp(4 * random()))::bigint as output, (5000 * exp(5 * random()))::bigint as read,
    (1000 * exp(3 * random()))::bigint as write
  from generate_series(1, $2::integer) as i
) made`;
