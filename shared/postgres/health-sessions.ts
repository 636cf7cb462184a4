import { type Pool, withSystemRole } from "./pool.ts";

/** Who uses the server. Null where the database may not tell: its owner lacks pg_read_all_stats. */
export interface SessionFacts {
  /** Connections that ordinary logins may have, and those that clients have now, of every database of the server. */
  slots: number;
  used: number;
  active: number;
  idle: number;
  hidden: number;
  /** Of this database, in seconds; 0 when there is none. Copies and backups that are meant to last are left out. */
  longest_transaction: number;
  longest_idle_in_transaction: number;
  /** Statements of this database that run for more than five seconds, but those of jobs that read months at once. */
  slow_queries: number;
  slowest_query: number;
  /** Locks of this database that somebody waits for, and how long the longest wait has been, in seconds. */
  waiting_locks: number;
  longest_lock_wait: number;
}

/** Jobs and tools whose statements may take minutes. */
const LONG_RUNNING = ["netra-patterns", "netra-retention", "netra-migrate", "pg_dump", "pg_basebackup"];
const SLOW_SECONDS = 5;

const SELECT = `
with s as materialized (select * from database_sessions() where backend_type = 'client backend'),
quick as (select * from s where is_of_this_database and application_name <> all ($1))
select
  current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true)::integer, 0) as slots,
  (select count(*) from s) as used,
  (select count(*) from s where state = 'active') as active,
  (select count(*) from s where state = 'idle') as idle,
  (select count(*) from s where is_hidden and is_of_this_database) as hidden,
  (select coalesce(max(transaction_seconds), 0) from quick) as longest_transaction,
  (select coalesce(max(state_seconds), 0) from s
    where is_of_this_database and state like 'idle in transaction%') as longest_idle_in_transaction,
  (select count(*) from quick where query_seconds > ${SLOW_SECONDS}) as slow_queries,
  (select coalesce(max(query_seconds), 0) from quick) as slowest_query,
  (select count(*) from s where is_of_this_database and is_waiting_for_lock) as waiting_locks,
  (
    select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart)), 0)::float8
    from pg_locks l join s on s.pid = l.pid
    where not l.granted and s.is_of_this_database
  ) as longest_lock_wait`;

export async function getSessionFacts(pool: Pool): Promise<SessionFacts> {
  return withSystemRole(pool, async (sql) => {
    const { rows } = await sql.query<SessionFacts>({ text: SELECT, values: [LONG_RUNNING] });
    const [row] = rows;
    if (row === undefined) throw new Error("the sessions were not counted");
    return row;
  });
}

export interface ConnectionFacts {
  /** How long it took to get a connection and an answer on it, in milliseconds. */
  milliseconds: number;
  /** How far the server's clock is ahead of this one, in seconds, give or take half of the time the answer took. */
  clock_ahead: number;
  clock_uncertainty: number;
}

/** Asks the simplest question there is. */
export async function getConnectionFacts(pool: Pool, now: () => number): Promise<ConnectionFacts> {
  const startedAt = performance.now();
  const client = await pool.connect();
  let failed = true;
  try {
    const askedAt = now();
    const { rows } = await client.query<{ at: number }>(
      "select (extract(epoch from clock_timestamp()) * 1000)::float8 as at",
    );
    const answeredAt = now();
    failed = false;
    return {
      milliseconds: performance.now() - startedAt,
      clock_ahead: ((rows[0]?.at ?? Number.NaN) - (askedAt + answeredAt) / 2) / 1_000,
      clock_uncertainty: (answeredAt - askedAt) / 2_000,
    };
  } finally {
    client.release(failed);
  }
}
