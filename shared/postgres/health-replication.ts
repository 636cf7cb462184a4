import { type Pool, withSystemRole } from "./pool.ts";

export interface ReplicationFacts {
  is_replica: boolean;
  /** On a replica: seconds since the last transaction it has, 0 when it has all its primary has sent. */
  own_lag: number | null;
  /** On a primary: the replicas that stream from it, and the greatest lag among them; null while none has told. */
  streaming: number;
  replicas: number;
  lag_seconds: number | null;
  lag_bytes: number | null;
  /** At least so old is what the last of them does not show yet, by the samples of the log; null where it shows all. */
  unshown_seconds: number | null;
  /** How much log the primary has written; null on a replica. */
  log_bytes: number | null;
  /** Physical slots nobody reads from: their replica is gone, and the log is kept for it. */
  idle_slots: number;
  idle_slot_bytes: number;
}

const SELECT = `
with r as materialized (select * from database_replicas())
select pg_is_in_recovery() as is_replica,
  case when not pg_is_in_recovery() then null
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
    else extract(epoch from now() - pg_last_xact_replay_timestamp()) end::float8 as own_lag,
  (select count(*) from r) as replicas,
  (select count(*) from r where state = 'streaming') as streaming,
  (select max(lag_seconds) from r) as lag_seconds,
  (select max(lag_bytes) from r) as lag_bytes,
  (
    select extract(epoch from now() - min(s.sampled_at)) from health_samples s
    where s.metric = 'log_bytes' and s.value > (select min(position_bytes) from r)
  )::float8 as unshown_seconds,
  case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') end::float8 as log_bytes,
  (select count(*) from pg_replication_slots where slot_type = 'physical' and not active) as idle_slots,
  (
    select case when pg_is_in_recovery() then 0 else
      coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0) end
    from pg_replication_slots where slot_type = 'physical' and not active
  )::float8 as idle_slot_bytes`;

export async function getReplicationFacts(pool: Pool): Promise<ReplicationFacts> {
  return withSystemRole(pool, async (sql) => {
    const [row] = (await sql.query<ReplicationFacts>({ text: SELECT })).rows;
    if (row === undefined) throw new Error("the replicas were not counted");
    return row;
  });
}
