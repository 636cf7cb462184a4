import type { PoolClient } from "pg";
import type { Pool, Sql } from "./pool.ts";

/** A source whose sender can be asked what it has sent. Times in milliseconds since 1970. */
export interface ReconcilableSource {
  id: string;
  organizationId: string;
  config: Record<string, unknown>;
  /** Until when everything is known to have come; null before the first time. */
  reconciledAt: number | null;
  createdAt: number;
  /** When it last had its turn; null before the first time. */
  visitedAt: number | null;
  /** What the last visit kept, as it was saved. */
  state: unknown;
}

interface SourceRow {
  id: string;
  organization_id: string;
  config: Record<string, unknown>;
  reconciled_at: Date | null;
  created_at: Date;
  visited_at: number | null;
}

const FIELDS = `
s.id, s.organization_id, s.config, s.reconciled_at, s.created_at,
(s.reconcile_state ->> 'visited_at')::double precision as visited_at`;

const WHERE = "s.kind = 'github' and s.status = 'active' and s.config ? 'hook' and s.config ? 'token_ref'";

const LIST = `
select ${FIELDS}
from event_sources s
where ${WHERE} and coalesce((s.reconcile_state ->> 'paused_until')::double precision, 0) <= $1
order by visited_at nulls first, s.id
limit $2`;

/** Those that may be visited now, who waited longest first, without their states. */
export async function listReconcilableSources(
  sql: Sql,
  now: number,
  limit: number,
): Promise<Omit<ReconcilableSource, "state">[]> {
  const { rows } = await sql.query<SourceRow>({ text: LIST, values: [now, limit] });
  return rows.map(toSource);
}

const FIND = `select ${FIELDS}, s.reconcile_state as state from event_sources s where ${WHERE} and s.id = $1`;

/** The source as it is now; null when there is nothing to visit any more. */
export async function findReconcilableSource(sql: Sql, sourceId: string): Promise<ReconcilableSource | null> {
  const { rows } = await sql.query<SourceRow & { state: unknown }>({ text: FIND, values: [sourceId] });
  const [row] = rows;
  return row === undefined ? null : { ...toSource(row), state: row.state };
}

function toSource(row: SourceRow): Omit<ReconcilableSource, "state"> {
  return {
    id: row.id,
    organizationId: row.organization_id,
    config: row.config,
    reconciledAt: row.reconciled_at?.getTime() ?? null,
    createdAt: row.created_at.getTime(),
    visitedAt: row.visited_at,
  };
}

const KNOWN = `
select k.delivery_key from event_keys k where k.source_id = $1 and k.delivery_key = any ($2::text[])`;

/** Which of these deliveries have come. */
export async function listKnownDeliveries(
  sql: Sql,
  sourceId: string,
  keys: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql.query<{ delivery_key: string }>({ text: KNOWN, values: [sourceId, keys] });
  return new Set(rows.map(({ delivery_key: key }) => key));
}

// reconciled_at never goes back; greatest passes over null.
const SAVE = `
update event_sources set reconciled_at = greatest(reconciled_at, $2::timestamptz), reconcile_state = $3::jsonb
where id = $1`;

/** Notes until when everything has come or was given up (null: nothing new is known), and what the next visit needs. */
export async function saveReconciliation(
  sql: Sql,
  sourceId: string,
  { reconciledAt, state }: { reconciledAt: number | null; state: unknown },
): Promise<void> {
  const at = reconciledAt === null ? null : new Date(reconciledAt);
  await sql.query({ text: SAVE, values: [sourceId, at, JSON.stringify(state)] });
}

const LOCK = "select pg_try_advisory_lock(hashtextextended('reconcile ' || $1, 0)) as locked";
const UNLOCK = "select pg_advisory_unlock(hashtextextended('reconcile ' || $1, 0))";

/**
 * Runs `work` while no other run anywhere has this source, or not at all: null when another has it. The lock belongs to a
 * connection rather than to a transaction, which would stay open while a sender is waited for.
 */
export async function withSourceLock<T>(
  sql: Sql,
  sourceId: string,
  work: () => Promise<T>,
): Promise<T | null> {
  const { rows } = await sql.query<{ locked: boolean }>({ text: LOCK, values: [sourceId] });
  if (rows[0]?.locked !== true) return null;
  try {
    return await work();
  } finally {
    await sql.query({ text: UNLOCK, values: [sourceId] });
  }
}

/**
 * One connection for a whole job with the rights of the jobs that work for every organization. Closed afterwards, so that
 * neither the role nor a lock outlives it.
 */
export async function withSystemConnection<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client: PoolClient = await pool.connect();
  try {
    await client.query("set role netra_system");
    return await work(client);
  } finally {
    client.release(true);
  }
}
