import { encodeArray } from "./binary-array.ts";
import type { BinaryType } from "./binary-writer.ts";
import { noteMadeMonth } from "./job-runs.ts";
import type { Sql } from "./pool.ts";

/**
 * A row of the ledger as it is written. Money is whole pico-dollars (10⁻¹² USD), or null where unknown; JSON columns hold
 * values, not text; the organization comes from the caller, never from the row.
 */
export interface ExecutionRow {
  id: string;
  /** Milliseconds since 1970, UTC. */
  timestamp: number;
  user_id: string | null;
  batch_id: string | null;
  execution_sequence: number | null;
  source: string;
  session_id: string | null;
  command_raw: string;
  command_base: string;
  command_args: unknown;
  command_features: unknown;
  workspace_context: unknown;
  session_context: unknown;
  total_tokens: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  fresh_tokens: number | null;
  cache_hit_rate: number | null;
  execution_time_ms: number | null;
  tool_calls: number | null;
  status: string;
  error_message: string | null;
  cost_usd: bigint | null;
  fresh_cost_usd: bigint | null;
  cache_savings_usd: bigint | null;
  reported_cost_usd: bigint | null;
  cost_basis: string | null;
  price_version: string | null;
  output_characteristics: unknown;
  model_version: string | null;
}

/** The columns of a row with the types they are written in. */
export const EXECUTION_COLUMNS: readonly (readonly [keyof ExecutionRow, BinaryType])[] = [
  ["id", "uuid"],
  ["timestamp", "timestamptz"],
  ["user_id", "uuid"],
  ["batch_id", "uuid"],
  ["execution_sequence", "integer"],
  ["source", "text"],
  ["session_id", "text"],
  ["command_raw", "text"],
  ["command_base", "text"],
  ["command_args", "jsonb"],
  ["command_features", "jsonb"],
  ["workspace_context", "jsonb"],
  ["session_context", "jsonb"],
  ["total_tokens", "bigint"],
  ["input_tokens", "bigint"],
  ["output_tokens", "bigint"],
  ["cached_tokens", "bigint"],
  ["cache_write_5m_tokens", "bigint"],
  ["cache_write_1h_tokens", "bigint"],
  ["fresh_tokens", "bigint"],
  ["cache_hit_rate", "double precision"],
  ["execution_time_ms", "bigint"],
  ["tool_calls", "integer"],
  ["status", "text"],
  ["error_message", "text"],
  ["cost_usd", "numeric"],
  ["fresh_cost_usd", "numeric"],
  ["cache_savings_usd", "numeric"],
  ["reported_cost_usd", "numeric"],
  ["cost_basis", "text"],
  ["price_version", "text"],
  ["output_characteristics", "jsonb"],
  ["model_version", "text"],
];

const COLUMNS = EXECUTION_COLUMNS.map(([column]) => column);

// Rows travel as one binary array a column: measured against one JSON parameter, a third less work for the server. In the
// select list the arrays are unnested side by side without being stored first, as they would be in FROM.
const ARRAYS = new Map(
  EXECUTION_COLUMNS.map(([column, type], index) => [column, `$${index + 2}::${type}[]`]),
);
const UNNESTED = COLUMNS.map((column) => `unnest(${ARRAYS.get(column)}) as ${column}`).join(", ");

function arraysOf(rows: readonly ExecutionRow[]): Buffer[] {
  return EXECUTION_COLUMNS.map(([column, type]) =>
    encodeArray(
      type,
      rows.map((row) => row[column]),
    ),
  );
}

const COPIED_COLUMNS = [
  "command_args",
  "command_features",
  "workspace_context",
  "session_context",
  "output_characteristics",
  "error_message",
];

/** About what a row weighs in the analytics copy, from the sizes PostgreSQL knows without looking into the values. */
function analyticsBytes(table: string): string {
  return `500 + ${COPIED_COLUMNS.map((column) => `coalesce(pg_column_size(${table}.${column}), 0)`).join(" + ")}`;
}

const QUEUE = `insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes)
  select organization_id, array_agg(id), array_agg(timestamp), sum(bytes)`;

// The tenant is set by the statement itself, in the CTE every row comes through: one round trip instead of four, and the
// policies see it because they are checked as each row is written. Keys decide what is new; the rows themselves stream from
// the arrays into the table. "is true" keeps the planner, which knows nothing of the arrays' lengths, from comparing each id
// with each: it looks them up in a hash table instead.
const INSERT = `
with tenant as materialized (
  select set_config('app.organization_id', $1, true)::uuid as organization_id
), new_key as (
  insert into ingest_keys (organization_id, id, timestamp)
  select organization_id, unnest(${ARRAYS.get("id")}), unnest(${ARRAYS.get("timestamp")}) from tenant
  on conflict do nothing
  returning id
), stored as (
  insert into command_executions (organization_id, ${COLUMNS.join(", ")})
  select organization_id, ${COLUMNS.join(", ")}
  from (select tenant.organization_id, ${UNNESTED} from tenant offset 0) incoming
  where (id in (select id from new_key)) is true
  returning id, timestamp, status, organization_id, ${analyticsBytes("command_executions")} as bytes
), queued as (
  ${QUEUE} from stored where status <> 'pending' group by organization_id
)
select id from unnest(${ARRAYS.get("id")}) as id where id not in (select id from stored)`;

/**
 * Stores the rows in one statement, queues the terminal ones for the analytics copy, and returns the ids that were there
 * already and are left as they are: mostly none, which costs nothing to answer. No id may stand in `rows` twice. Sets the
 * organization itself: call it outside of a transaction.
 */
export async function insertExecutions(
  sql: Sql,
  organizationId: string,
  rows: readonly ExecutionRow[],
): Promise<string[]> {
  const result = await sql.query<{ id: string }>({
    name: "insert-executions",
    text: INSERT,
    values: [organizationId, ...arraysOf(rows)],
  });
  return result.rows.map((row) => row.id);
}

const KEPT_WHEN_ABSENT = new Set<string>(["workspace_context", "session_context", "session_id", "batch_id"]);
const SETS = COLUMNS.filter((column) => column !== "id" && column !== "timestamp")
  .map((column) =>
    KEPT_WHEN_ABSENT.has(column)
      ? `${column} = coalesce(r.${column}, e.${column})`
      : `${column} = r.${column}`,
  )
  .join(", ");

const COMPLETE = `
with incoming as materialized (
  select r.*, coalesce(k.timestamp, r.timestamp) as stored_timestamp
  from (select ${UNNESTED}) r
    left join ingest_keys k on k.organization_id = $1::uuid and k.id = r.id
), ended as (
  select e.id
  from incoming r
    join command_executions e
      on e.organization_id = $1::uuid and e.id = r.id and e.timestamp = r.stored_timestamp and e.status <> 'pending'
), completed as (
  update command_executions e
  set ${SETS}, updated_at = current_timestamp
  from incoming r
  where e.organization_id = $1::uuid and e.id = r.id and e.timestamp = r.stored_timestamp
    and e.status = 'pending' and r.status <> 'pending'
  returning e.id, e.timestamp, e.organization_id, ${analyticsBytes("e")} as bytes
), queued as (
  ${QUEUE} from completed group by organization_id
)
select id, 'updated' as outcome from completed
union all
select id, 'duplicate' from ended`;

/**
 * Completes pending rows by the same id and queues them for the analytics copy. Returns what became of each: `updated`, or
 * `duplicate` when it had ended already and so stays as it is; an id that is missing is not in the ledger. Runs in a
 * transaction of the organization.
 */
export async function completeExecutions(
  sql: Sql,
  organizationId: string,
  rows: readonly ExecutionRow[],
): Promise<{ id: string; outcome: "updated" | "duplicate" }[]> {
  const result = await sql.query<{ id: string; outcome: "updated" | "duplicate" }>({
    text: COMPLETE,
    values: [organizationId, ...arraysOf(rows)],
  });
  return result.rows;
}

const ENSURE_PARTITION = noteMadeMonth(
  "ensure_command_executions_partition(to_timestamp($1::double precision / 1000))",
);

/** Makes the partition of the month that holds `timestamp` (milliseconds since 1970) if there is none. */
export async function ensurePartition(sql: Sql, timestamp: number): Promise<void> {
  await sql.query({ text: ENSURE_PARTITION, values: [timestamp] });
}
