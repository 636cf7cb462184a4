import type { ClickHouse } from "../../shared/clickhouse/client.ts";

/**
 * Rows of the analytics copy made by the server itself: thirty days that end now, a few hundred slash commands of which some
 * are used much more than others, a third free prompts, sessions of twelve executions with UUIDs as names, costs and times that
 * spread over orders of magnitude, one in a hundred without tokens and a price. They go through the same views as others.
 */
export async function addCopiedExecutions(
  client: ClickHouse,
  organizationId: string,
  rows: number,
): Promise<void> {
  const step = 100_000;
  for (let from = 0; from < rows; from += step) {
    await client.command({
      query: INSERT,
      query_params: { organization_id: organizationId, from, count: Math.min(step, rows - from), rows },
      clickhouse_settings: { max_partitions_per_insert_block: "1000" },
    });
  }
}

const INSERT = `
insert into executions (
  organization_id, id, timestamp, user_id, source, status, command_base, task_kind, model, repository, branch, session_id,
  agent, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, total_tokens,
  fresh_tokens, cache_hit_rate, execution_time_ms, tool_calls, cost_usd, cache_savings_usd, cost_basis, price_version,
  error_message, command_args, output_characteristics
)
select
  {organization_id:UUID}, generateUUIDv4(),
  fromUnixTimestamp64Milli(toInt64(toUnixTimestamp64Milli(now64(3)) - 29 * 86400000.0 * (1 - i / {rows:UInt64}))),
  toUUID(concat('00000000-0000-4000-8000-', leftPad(toString(intDiv(i, 12) % 50), 12, '0'))), 'client',
  multiIf(i % 23 = 0, 'failed', i % 151 = 0, 'timeout', 'completed'),
  if(i % 3 = 0, 'prompt', concat('/command-', toString(toUInt32(floor(300 * pow(r0, 2)))))),
  ['fix', 'implement', 'refactor', 'test', 'review', 'explain', 'docs', 'other'][1 + i % 8],
  if(is_known, ['claude-sonnet-4-5', 'claude-opus-5-5', 'claude-haiku-5-5', 'claude-opus-4-5'][1 + intDiv(i, 12) % 4], null),
  concat('acme/shop-', toString(intDiv(i, 12) % 20)), 'main', toString(reinterpretAsUUID(MD5(toString(intDiv(i, 12))))), 'claude-code',
  if(is_known, input, null), if(is_known, output, null), if(is_known, read, null), if(is_known, write, null),
  if(is_known, 0, null), if(is_known, input + output + read + write, null), if(is_known, input + output + write, null),
  if(is_known, 100.0 * read / (input + output + read + write), null), toUInt64(1000 * exp(5 * r5)), i % 40,
  if(is_known, toDecimal128(3 * input + 15 * output, 12) / 1000000 + toDecimal128(375 * write + 30 * read, 12) / 100000000, null),
  if(is_known, toDecimal128(27 * read, 12) / 10000000, null), if(is_known, 'computed', 'unpriced'), 'bench',
  if(i % 23 = 0, ['API Error: 529 overloaded', 'exited with code 1', 'permission denied'][1 + i % 3], null), '{}', '{}'
from (
  select {from:UInt64} + number as i, i % 97 != 0 as is_known, randCanonical(0) as r0, randCanonical(5) as r5,
    toUInt64(100 * exp(3 * randCanonical(1))) as input, toUInt64(200 * exp(4 * randCanonical(2))) as output,
    toUInt64(5000 * exp(5 * randCanonical(3))) as read, toUInt64(1000 * exp(3 * randCanonical(4))) as write
  from numbers({count:UInt64})
)`;
