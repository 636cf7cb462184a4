import type { ClickHouse } from "../shared/clickhouse/client.ts";
import type { MigrationFile } from "./migration-files.ts";
import type { AppliedMigration } from "./migration-plan.ts";

/*
 * ClickHouse has no transactions around its statements, so a migration is written down before it starts and again when
 * it has ended. A row is never changed: the newest revision of a version is its state.
 */
export const CREATE_HISTORY_TABLE = `
create table if not exists schema_migrations {{on_cluster}} (
  version UInt32,
  name String,
  status Enum8('started' = 1, 'applied' = 2, 'reverting' = 3, 'reverted' = 4),
  checksum FixedString(64),
  applied_at DateTime64(3, 'UTC') default now64(3, 'UTC'),
  execution_ms UInt64,
  applied_by String default currentUser(),
  revision UInt64
) engine = {{engine:ReplacingMergeTree(revision)}}
order by version`;

export type MigrationState = "started" | "applied" | "reverting" | "reverted";

interface HistoryRow {
  version: number;
  name: string;
  status: MigrationState;
  checksum: string;
  applied_at: string;
}

/** Migrations that are there in whole or in part; reverted ones are left out. */
export async function listClickHouseHistory(client: ClickHouse): Promise<AppliedMigration[]> {
  const result = await client.query({
    query: `
      select version, name, toString(status) as status, checksum, formatDateTime(applied_at, '%Y-%m-%dT%H:%i:%SZ', 'UTC') as applied_at
      from schema_migrations final
      where status != 'reverted'
      order by version`,
    format: "JSONEachRow",
  });
  const rows = await result.json<HistoryRow>();
  return rows.map((row) => ({
    version: row.version,
    name: row.name,
    checksum: row.checksum,
    appliedAt: row.applied_at,
    finished: row.status === "applied",
  }));
}

/** Writes down the state of one migration. Only the holder of the migration lock may. */
export async function recordMigration(
  client: ClickHouse,
  file: MigrationFile,
  status: MigrationState,
  executionMs: number,
): Promise<void> {
  await client.command({
    query: `
      insert into schema_migrations (version, name, status, checksum, execution_ms, revision)
      select {version:UInt32}, {name:String}, {status:String}, {checksum:String}, {execution_ms:UInt64}, max(revision) + 1
      from schema_migrations`,
    query_params: {
      version: file.version,
      name: file.name,
      status,
      checksum: file.checksum,
      execution_ms: executionMs,
    },
    clickhouse_settings: { async_insert: 0 },
  });
}
