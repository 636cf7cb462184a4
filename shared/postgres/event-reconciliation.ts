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
}

const LIST = `
select s.id, s.organization_id, s.config, s.reconciled_at, s.created_at
from event_sources s
where s.kind = 'github' and s.status = 'active' and s.config ? 'hook' and s.config ? 'token_ref'
order by s.reconciled_at nulls first, s.id
limit $1`;

/** Those whose turn has been longest ago come first. */
export async function listReconcilableSources(sql: Sql, limit: number): Promise<ReconcilableSource[]> {
  const { rows } = await sql.query<{
    id: string;
    organization_id: string;
    config: Record<string, unknown>;
    reconciled_at: Date | null;
    created_at: Date;
  }>({ text: LIST, values: [limit] });
  return rows.map((row) => ({
    id: row.id,
    organizationId: row.organization_id,
    config: row.config,
    reconciledAt: row.reconciled_at?.getTime() ?? null,
    createdAt: row.created_at.getTime(),
  }));
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

const ADVANCE = `
update event_sources set reconciled_at = $2
where id = $1 and (reconciled_at is null or reconciled_at < $2)`;

/** Notes that everything until `at` has come or has been asked for; never goes back. */
export async function advanceReconciledAt(sql: Sql, sourceId: string, at: number): Promise<void> {
  await sql.query({ text: ADVANCE, values: [sourceId, new Date(at)] });
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
