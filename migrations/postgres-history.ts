import type { Sql } from "../shared/postgres/pool.ts";
import type { MigrationFile } from "./migration-files.ts";
import type { AppliedMigration } from "./migration-plan.ts";

/*
 * node-pg-migrate writes `insert into schema_migrations (name, run_on)` and reads `id`; the other columns fill
 * themselves from settings that the file's first statement makes, so that one table holds everything and its row is
 * written in the transaction of the file.
 */
const CREATE_TABLE = `
create table if not exists public.schema_migrations (
  id serial primary key,
  version integer not null generated always as (substring(name from '^[0-9]+')::integer) stored unique,
  name varchar(255) not null unique,
  applied_at timestamptz not null default clock_timestamp(),
  checksum text not null default current_setting('netra.migration_checksum'),
  execution_ms integer not null default
    (extract(epoch from clock_timestamp() - current_setting('netra.migration_started')::timestamptz) * 1000)::integer,
  applied_by text not null default session_user,
  run_on timestamp not null
)`;

const LIST = `
select version, name, checksum, to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as applied_at
from public.schema_migrations
order by version`;

/** Also puts the session into UTC: `run_on`, which node-pg-migrate orders by, is the session's local time. */
export async function openHistory(sql: Sql): Promise<void> {
  await sql.query("set time zone 'UTC'");
  await sql.query(CREATE_TABLE);
}

export async function listAppliedMigrations(sql: Sql): Promise<AppliedMigration[]> {
  const { rows: tables } = await sql.query<{ present: boolean }>(
    "select to_regclass('public.schema_migrations') is not null as present",
  );
  if (tables[0]?.present !== true) return [];
  const { rows } = await sql.query<{
    version: number;
    name: string;
    checksum: string;
    applied_at: string;
  }>(LIST);
  return rows.map((row) => ({
    version: row.version,
    name: row.name,
    checksum: row.checksum,
    appliedAt: row.applied_at,
    finished: true,
  }));
}

/**
 * First statement of every migration. A lock not given within 10 s fails the file instead of queueing the service's
 * own statements behind it; concurrent index work takes no such lock and may wait for long transactions. A file that needs
 * other limits sets them for itself with `set local`.
 */
export function openingSettings(file: MigrationFile, noTransaction: boolean): string {
  return `select
  set_config('netra.migration_checksum', '${file.checksum}', false),
  set_config('netra.migration_started', clock_timestamp()::text, false),
  set_config('lock_timeout', '${noTransaction ? "0" : "10s"}', false),
  set_config('statement_timeout', '${noTransaction ? "6h" : "15min"}', false),
  set_config('idle_in_transaction_session_timeout', '1min', false)`;
}
