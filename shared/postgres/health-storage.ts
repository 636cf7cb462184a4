import { type Pool, withSystemRole } from "./pool.ts";

/** How large things are and how they are read. Partitions count as their table. */
export interface StorageFacts {
  database_bytes: number;
  largest_table: string | null;
  largest_table_bytes: number;
  /** The table with the largest share of dead rows, of those with enough rows to matter; null when there is none. */
  bloated_table: string | null;
  bloat_percent: number | null;
  /** The large table that is read most often from one end to the other; null when there is none or none is read. */
  scanned_table: string | null;
  index_percent: number | null;
  /** Since the server's statistics began. */
  blocks_hit: number;
  blocks_read: number;
  deadlocks: number;
}

const ROWS_MIN = 10_000;
const READS_MIN = 100;

const SELECT = `
with t as materialized (
  select coalesce(pg_partition_root(relid), relid)::regclass::text as name,
    sum(pg_total_relation_size(relid)) as bytes, sum(n_live_tup) as live, sum(n_dead_tup) as dead,
    sum(seq_scan) as sequential, sum(coalesce(idx_scan, 0)) as indexed
  from pg_stat_user_tables
  group by 1
), largest as (
  select name, bytes from t order by bytes desc limit 1
), bloated as (
  select name, 100.0 * dead / (live + dead) as percent from t where live + dead >= ${ROWS_MIN} order by 2 desc limit 1
), scanned as (
  select name, 100.0 * indexed / (sequential + indexed) as percent from t
  where live >= ${ROWS_MIN} and sequential + indexed >= ${READS_MIN} order by 2 limit 1
)
select pg_database_size(current_database()) as database_bytes,
  (select name from largest) as largest_table, coalesce((select bytes from largest), 0)::float8 as largest_table_bytes,
  (select name from bloated) as bloated_table, (select percent from bloated)::float8 as bloat_percent,
  (select name from scanned) as scanned_table, (select percent from scanned)::float8 as index_percent,
  d.blks_hit as blocks_hit, d.blks_read as blocks_read, d.deadlocks
from pg_stat_database d
where d.datname = current_database()`;

export async function getStorageFacts(pool: Pool): Promise<StorageFacts> {
  return withSystemRole(pool, async (sql) => {
    const [row] = (await sql.query<StorageFacts>({ text: SELECT })).rows;
    if (row === undefined) throw new Error("the server has no statistics of this database");
    return row;
  });
}
