import type { CommandShape } from "../agent/pattern-signature.ts";
import { readShape, SHAPE } from "./command-shape.ts";
import type { ScanFilter } from "./pattern-scan.ts";
import type { Sql } from "./pool.ts";

/**
 * Reading the ledger for predictions: executions that have ended, by organization in the order of their end, a portion at a
 * time. One reading at a time may be open in a transaction.
 */

/** An execution that has ended, as far as predictions learn from it. What nobody told is null. */
export interface EndedExecution {
  organizationId: string;
  /** In ms since 1970. */
  startedAt: number;
  endedAt: number;
  base: string;
  /** Equal for equal shapes. */
  shapeKey: string;
  shape: () => CommandShape;
  features: { kind: string; task_kind: string; length_class: string; has_plan: boolean };
  repository: string | null;
  model: string | null;
  hasFailed: boolean;
  costUsd: number | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cacheReadTokens: number | null;
  cacheWriteTokens: number | null;
  totalTokens: number | null;
  timeMs: number | null;
}

/** A time nobody can mean must not put the end so late that everything after it came too late. */
const LONGEST_MS = 7 * 86_400_000;

const feature = (name: string): string => `coalesce(e.command_features ->> '${name}', '')`;
const COLUMNS = `e.organization_id, e.id, (extract(epoch from e.timestamp) * 1000)::bigint as started_at,
  (extract(epoch from e.timestamp) * 1000)::bigint + least(coalesce(e.execution_time_ms, 0), ${LONGEST_MS}) as ended_at,
  e.command_base as base, ${SHAPE} as shape, ${feature("kind")} as kind, ${feature("task_kind")} as task_kind,
  ${feature("length_class")} as length_class, ${feature("has_plan")} = 'true' as has_plan,
  e.workspace_context ->> 'repository' as repository, e.model_version as model, e.status <> 'completed' as has_failed,
  e.cost_usd::double precision as cost_usd, e.input_tokens, e.output_tokens, e.cached_tokens,
  e.cache_write_5m_tokens + e.cache_write_1h_tokens as cache_write_tokens, e.total_tokens, e.execution_time_ms`;

/** Opens what `filter` lets through of the organizations that are not left out. */
export async function openEnded(sql: Sql, filter: ScanFilter, leftOut: readonly string[]): Promise<void> {
  // The planner may not know yet that there are few.
  if (filter.isNarrow) await sql.query("set local enable_seqscan = off");
  await sql.query(
    `declare ended_executions no scroll cursor for
     select ${COLUMNS} from command_executions e
     where e.status <> 'pending' and e.organization_id in (select id from organizations)
       and e.organization_id <> all ($${filter.values.length + 1}::uuid[]) and ${filter.text}
     order by e.organization_id, ended_at, e.id`,
    [...filter.values, leftOut],
  );
  if (filter.isNarrow) await sql.query("set local enable_seqscan = on");
}

const OPEN_PAST = `declare ended_executions no scroll cursor for
select * from (
  select ${COLUMNS} from command_executions e
  where e.organization_id = $1 and e.status <> 'pending' and e.timestamp >= to_timestamp($2::double precision / 1000)
  order by e.timestamp desc limit $3
) latest
order by ended_at, id`;

/** Opens the latest executions of one organization, from a moment on and at most so many. */
export async function openPast(
  sql: Sql,
  organizationId: string,
  from: number,
  countMax: number,
): Promise<void> {
  await sql.query(OPEN_PAST, [organizationId, from, countMax]);
}

interface Row {
  organization_id: string;
  started_at: number;
  ended_at: number;
  base: string;
  shape: string;
  kind: string;
  task_kind: string;
  length_class: string;
  has_plan: boolean;
  repository: string | null;
  model: string | null;
  has_failed: boolean;
  cost_usd: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  total_tokens: number | null;
  execution_time_ms: number | null;
}

/** The next `count`; none when all have been read, which closes them. */
export async function fetchEnded(sql: Sql, count: number): Promise<EndedExecution[]> {
  const { rows } = await sql.query<Row>(`fetch forward ${count} from ended_executions`);
  if (rows.length === 0) await sql.query("close ended_executions");
  return rows.map(readRow);
}

function readRow(row: Row): EndedExecution {
  return {
    organizationId: row.organization_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    base: row.base,
    shapeKey: `${row.base} ${row.shape}`,
    shape: () => readShape(row),
    features: {
      kind: row.kind,
      task_kind: row.task_kind,
      length_class: row.length_class,
      has_plan: row.has_plan,
    },
    repository: row.repository,
    model: row.model,
    hasFailed: row.has_failed,
    costUsd: row.cost_usd,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadTokens: row.cached_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    totalTokens: row.total_tokens,
    timeMs: row.execution_time_ms,
  };
}
