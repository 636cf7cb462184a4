import type { Sql } from "./pool.ts";

/** Statements of the relay. All of them run with the rights of the system jobs. */

/** What is copied, each into a table of its own. */
export type OutboxKind = "executions" | "events";

const SEAL = `
with batch as (
  select nextval('analytics_batch') as number
), waiting as materialized (
  select seq, cardinality(record_ids) as size, bytes
  from analytics_outbox
  where batch is null
    and kind = (select kind from analytics_outbox where batch is null order by seq limit 1)
  order by seq limit $1
  for update skip locked
), picked as (
  select seq
  from (
    select seq, size, bytes, sum(size) over upto as total, sum(bytes) over upto as total_bytes
    from waiting window upto as (order by seq)
  ) counted
  where total - size < $1 and total_bytes - bytes < $2
)
update analytics_outbox o set batch = batch.number
from batch, picked
where o.seq = picked.seq
returning o.batch`;

/**
 * Seals what waits into a new batch, immutable from then on and of one kind: statements in order, until they hold
 * `recordsMax` or `bytesMax`, or a little more. Returns whether there were any.
 */
export async function sealBatch(sql: Sql, recordsMax: number, bytesMax: number): Promise<boolean> {
  const result = await sql.query({ text: SEAL, values: [recordsMax, bytesMax] });
  return (result.rowCount ?? 0) > 0;
}

/** Keeps two relays from delivering one batch at a time; any fixed number not used by another lock. */
const LOCK_CLASS = 20_417;
/** Shared by who delivers; whoever holds it alone copies a month itself, and nothing is delivered meanwhile. */
const DELIVERY_LOCK = "20418, 3";

const CLAIM = `
select batch, kind
from (
  select distinct batch, kind from analytics_outbox
  where batch is not null and batch <> all ($1::bigint[])
  order by batch offset 0
) sealed
where pg_try_advisory_xact_lock_shared(${DELIVERY_LOCK})
  and pg_try_advisory_xact_lock(${LOCK_CLASS}, (batch % 2147483647)::integer)
limit 1`;

interface ClaimedBatch {
  batch: number;
  kind: OutboxKind;
}

/** A sealed batch that no other relay works on, held until the transaction ends, or null. `except` are left out. */
export async function claimBatch(sql: Sql, except: readonly number[]): Promise<ClaimedBatch | null> {
  const { rows } = await sql.query<ClaimedBatch>({ text: CLAIM, values: [except] });
  return rows[0] ?? null;
}

/** An execution as it is copied, `o` and `x` telling which. */
export const EXECUTION_LINE = `
  select json_build_object(
    'organization_id', e.organization_id,
    'id', e.id,
    'timestamp', to_char(e.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'ingested_at', to_char(e.ingested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'user_id', e.user_id,
    'batch_id', e.batch_id,
    'execution_sequence', e.execution_sequence,
    'source', e.source,
    'status', e.status,
    'command_base', e.command_base,
    'task_kind', e.command_features ->> 'task_kind',
    'model', e.model_version,
    'repository', e.workspace_context ->> 'repository',
    'branch', e.workspace_context ->> 'branch',
    'session_id', e.session_id,
    'agent', e.session_context ->> 'agent',
    'agent_version', e.session_context ->> 'agent_version',
    'input_tokens', e.input_tokens,
    'output_tokens', e.output_tokens,
    'cache_read_tokens', e.cached_tokens,
    'cache_write_5m_tokens', e.cache_write_5m_tokens,
    'cache_write_1h_tokens', e.cache_write_1h_tokens,
    'total_tokens', e.total_tokens,
    'fresh_tokens', e.fresh_tokens,
    'cache_hit_rate', e.cache_hit_rate,
    'execution_time_ms', e.execution_time_ms,
    'tool_calls', e.tool_calls,
    'cost_usd', e.cost_usd::text,
    'fresh_cost_usd', e.fresh_cost_usd::text,
    'cache_savings_usd', e.cache_savings_usd::text,
    'reported_cost_usd', e.reported_cost_usd::text,
    'cost_basis', e.cost_basis,
    'price_version', e.price_version,
    'error_message', e.error_message,
    'command_args', e.command_args::text,
    'command_features', e.command_features::text,
    'workspace_context', e.workspace_context::text,
    'session_context', e.session_context::text,
    'output_characteristics', (e.output_characteristics - 'requests')::text
  )::text as line
  from command_executions e
  where e.organization_id = o.organization_id and e.id = x.id and e.timestamp = x.timestamp
  limit 1`;

const EVENT_LINE = `
  select json_build_object(
    'organization_id', e.organization_id,
    'event_id', e.id,
    'timestamp', to_char(e.received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'workload_id', coalesce(e.repository, e.source_id::text),
    'event_type', e.event_type,
    'event_category', e.source,
    'metrics.name', array_remove(array [
      case when e.provider_time is not null then 'provider_to_stored' end, 'stored_to_processed'
    ], null),
    'metrics.value', array_remove(array [
      extract(epoch from e.received_at - e.provider_time), extract(epoch from e.processed_at - e.received_at)
    ], null),
    'metrics.unit', array_remove(array [case when e.provider_time is not null then 's' end, 's'], null),
    'dimensions', json_build_object(
      'source_id', e.source_id,
      'action', coalesce(e.action, ''),
      'repository', coalesce(e.repository, ''),
      'actor', coalesce(e.actor, ''),
      'known_type', coalesce(e.is_known_type, false)::text
    )
  )::text as line
  from events e
  where e.organization_id = o.organization_id and e.id = x.id and e.received_at = x.timestamp
    and e.processed_at is not null
  limit 1`;

// The lateral look-up keeps the plan at one index probe a row, however wrong the statistics of a busy queue are.
const FETCH: Record<OutboxKind, string> = { executions: fetch(EXECUTION_LINE), events: fetch(EVENT_LINE) };

function fetch(line: string): string {
  return `
select x.id as record_id, o.organization_id, e.line
from analytics_outbox o
  cross join lateral unnest(o.record_ids, o.record_timestamps) with ordinality as x(id, timestamp, position)
  left join lateral (${line}
  ) e on true
where o.batch = $1
order by o.seq, x.position`;
}

export interface OutboxRow {
  record_id: string;
  organization_id: string;
  /** The record as one JSON object for the analytics table, or null when it has been erased since. */
  line: string | null;
}

export async function listBatch(sql: Sql, { batch, kind }: ClaimedBatch): Promise<OutboxRow[]> {
  return (await sql.query<OutboxRow>({ text: FETCH[kind], values: [batch] })).rows;
}

const DELETE = "delete from analytics_outbox where batch = $1";

export async function deleteBatch(sql: Sql, batch: number): Promise<void> {
  await sql.query({ text: DELETE, values: [batch] });
}

const IS_SEALED = `
select exists (
  select from analytics_outbox o cross join unnest(o.record_timestamps) as t(at)
  where o.kind = 'executions' and o.batch is not null
    and t.at >= $1::date::timestamptz and t.at < ($1::date + interval '1 month')::timestamptz
) as waits`;

/**
 * Keeps relays from delivering, until resumeDelivery or the end of the connection. False, with nothing held, while
 * executions of the month (first day) are sealed: such a batch may have been delivered without having been deleted. Waits
 * for deliveries under way; throws lock_not_available (55P03) when they take a minute. In a transaction, UTC.
 */
export async function pauseDelivery(sql: Sql, month: string): Promise<boolean> {
  await sql.query("set local lock_timeout = '60s'");
  await sql.query(`select pg_advisory_lock(${DELIVERY_LOCK})`);
  const { rows } = await sql.query<{ waits: boolean }>(IS_SEALED, [month]);
  if (rows[0]?.waits === false) return true;
  await resumeDelivery(sql);
  return false;
}

export async function resumeDelivery(sql: Sql): Promise<void> {
  await sql.query(`select pg_advisory_unlock(${DELIVERY_LOCK})`);
}

const COUNT_OF_ORGANIZATION = `
select coalesce(sum(size), 0)::bigint as waiting
from (
  select cardinality(record_ids) as size from analytics_outbox
  where organization_id = current_organization_id() and kind = any ($2)
  limit $1
) bounded`;

/** How many records of these kinds the analytics copy of the current organization lacks; looks at `rowsMax` statements at most. */
export async function countWaiting(sql: Sql, rowsMax: number, kinds: readonly OutboxKind[]): Promise<number> {
  const { rows } = await sql.query<{ waiting: number }>({
    name: "count-waiting",
    text: COUNT_OF_ORGANIZATION,
    values: [rowsMax, kinds],
  });
  return rows[0]?.waiting ?? 0;
}
