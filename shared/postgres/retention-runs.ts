import type { Sql } from "./pool.ts";

const LOCK = "20418, 2";

/** Lets one run, restore or erasure work at a time; held by the connection. */
export async function tryLockRetention(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ locked: boolean }>(`select pg_try_advisory_lock(${LOCK}) as locked`);
  return rows[0]?.locked === true;
}

/** Gives it free, with whatever else the connection has locked. */
export async function unlockRetention(sql: Sql): Promise<void> {
  await sql.query("select pg_advisory_unlock_all()");
}

export type RunKind = "run" | "restore" | "erase";
export type RunState = "done" | "incomplete" | "failed";

/** Begins a run. Whoever holds the lock is the only one at work, so runs without an end were cut off. */
export async function insertRetentionRun(
  sql: Sql,
  run: { kind: RunKind; subjectId: string | null; countedFrom: number },
): Promise<number> {
  await sql.query(
    "update retention_runs set state = 'cut_off', finished_at = clock_timestamp() where state = 'running'",
  );
  const { rows } = await sql.query<{ id: number }>(
    `insert into retention_runs (kind, subject_id, counted_from) values ($1, $2, to_timestamp($3::double precision / 1000)) returning id`,
    [run.kind, run.subjectId, run.countedFrom],
  );
  return rows[0]?.id ?? NaN;
}

export async function noteRetentionStep(sql: Sql, runId: number, step: string): Promise<void> {
  await sql.query("update retention_runs set step = $2 where id = $1", [runId, step.slice(0, 500)]);
}

export async function finishRetentionRun(
  sql: Sql,
  runId: number,
  state: RunState,
  outcome: unknown,
): Promise<void> {
  await sql.query(
    "update retention_runs set state = $2, outcome = $3, finished_at = clock_timestamp() where id = $1",
    [runId, state, JSON.stringify(outcome)],
  );
}

export interface PastCount {
  store: "postgres" | "clickhouse";
  table: string;
  organizationId: string;
  /** In ms since 1970; null where each row's type says. */
  before: number | null;
  rows: number;
}

const COUNTS_BEFORE = `
insert into retention_counts (run_id, store, table_name, organization_id, before, past_rows_before)
select $1, store, table_name, organization_id, to_timestamp(before_ms / 1000), rows
from unnest($2::text[], $3::text[], $4::uuid[], $5::double precision[], $6::bigint[]) as c (store, table_name, organization_id, before_ms, rows)`;
const COUNTS_AFTER = `
insert into retention_counts (run_id, store, table_name, organization_id, before, past_rows_before, past_rows_after)
select $1, store, table_name, organization_id, to_timestamp(before_ms / 1000), 0, rows
from unnest($2::text[], $3::text[], $4::uuid[], $5::double precision[], $6::bigint[]) as c (store, table_name, organization_id, before_ms, rows)
on conflict (run_id, store, table_name, organization_id) do update set past_rows_after = excluded.past_rows_after`;

export async function insertCountsBefore(
  sql: Sql,
  runId: number,
  counts: readonly PastCount[],
): Promise<void> {
  await sql.query(COUNTS_BEFORE, [runId, ...arrays(counts)]);
}

/** What is not counted any more is none. */
export async function saveCountsAfter(sql: Sql, runId: number, counts: readonly PastCount[]): Promise<void> {
  await sql.query("update retention_counts set past_rows_after = 0 where run_id = $1", [runId]);
  await sql.query(COUNTS_AFTER, [runId, ...arrays(counts)]);
}

function arrays(counts: readonly PastCount[]): unknown[] {
  return [
    counts.map(({ store }) => store),
    counts.map(({ table }) => table),
    counts.map(({ organizationId }) => organizationId),
    counts.map(({ before }) => before),
    counts.map(({ rows }) => rows),
  ];
}

export interface RetentionRun {
  id: number;
  kind: RunKind;
  subject_id: string | null;
  state: string;
  started_at: Date;
  finished_at: Date | null;
  step: string | null;
  outcome: Record<string, unknown>;
}

/** The latest runs, newest first. */
export async function listRetentionRuns(sql: Sql, max: number): Promise<RetentionRun[]> {
  const { rows } = await sql.query<RetentionRun>(
    `select id::double precision as id, kind, subject_id, state, started_at, finished_at, step, outcome
     from retention_runs order by retention_runs.started_at desc, retention_runs.id desc limit $1`,
    [max],
  );
  return rows;
}

/** Writes into the audit log, under the zero UUID where it is no organization's. */
export async function noteRetention(
  sql: Sql,
  entry: { organizationId: string | null; action: string; about: string; metadata: unknown },
): Promise<void> {
  await sql.query("select note_retention($1, $2, $3, $4)", [
    entry.organizationId,
    entry.action,
    entry.about,
    JSON.stringify(entry.metadata),
  ]);
}
