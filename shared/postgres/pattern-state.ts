import type { Sql } from "./pool.ts";

/** Where the counting of patterns stands, and what must be counted anew. */
export interface PatternState {
  /** The first UTC day of the 30 that patterns are told of. */
  windowFirstDay: string;
  /** Whether the windows are to be made anew from the roll-ups. */
  windowIsStale: boolean;
  /** Months, by their first day, whose roll-ups are still to be counted anew. */
  monthsToRecount: string[];
}

/** What the transaction sees, in the form of pg_snapshot. */
export interface Snapshot {
  text: string;
  xmax: string;
  inProgress: string[];
}

export interface StoredState extends PatternState {
  seen: Snapshot;
  unseenSince: string;
}

const LOCK = "20418, 1";

/** Takes the lock that lets one run work at a time; it is held by the connection. False when another has it. */
export async function tryLockPatterns(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ locked: boolean }>(`select pg_try_advisory_lock(${LOCK}) as locked`);
  return rows[0]?.locked === true;
}

export async function unlockPatterns(sql: Sql): Promise<void> {
  await sql.query(`select pg_advisory_unlock(${LOCK})`);
}

/** More than a transaction needs to become visible to others after its clock was read. */
const MARGIN = "interval '5 seconds'";
const WHEN_HIDDEN = "interval '1 hour'";

const UNSEEN_SINCE = `select to_char(
  (coalesce(oldest_transaction_start(), clock_timestamp() - ${WHEN_HIDDEN}) - ${MARGIN}) at time zone 'UTC',
  'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as since`;

/**
 * A time at or after which every transaction began whose rows a snapshot taken from now on does not show: the start of
 * the oldest one under way. To be read before the transaction that takes the snapshot.
 */
export async function readUnseenSince(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ since: string }>(UNSEEN_SINCE);
  return rows[0]?.since ?? "-infinity";
}

export async function summarizeUpdatedExecutions(sql: Sql): Promise<void> {
  await sql.query("select summarize_updated_executions()");
}

export async function readSnapshot(sql: Sql): Promise<Snapshot> {
  const { rows } = await sql.query<{ text: string }>("select pg_current_snapshot()::text as text");
  return parseSnapshot(rows[0]?.text ?? "");
}

/** `xmin:xmax:xip,xip` */
export function parseSnapshot(text: string): Snapshot {
  const [, xmax = "", inProgress = ""] = text.split(":");
  return { text, xmax, inProgress: inProgress === "" ? [] : inProgress.split(",") };
}

/** Tells servers and databases apart: what a snapshot means is known to its own alone. */
export const SERVER = `(select system_identifier::text from pg_control_system()) || '/' ||
  (select oid::text from pg_database where datname = current_database()) || '/' || 'command_executions'::regclass::oid::text`;

const READ = `
select seen::text as seen,
  to_char(unseen_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as unseen_since,
  window_first_day::text as window_first_day, window_is_stale, months_to_recount::text[] as months_to_recount
from pattern_state
where server = ${SERVER} and pg_snapshot_xmax(seen) <= pg_snapshot_xmax(pg_current_snapshot())`;

/** Null when nothing has been counted yet, or elsewhere: the database may have been restored into another server. */
export async function findPatternState(sql: Sql): Promise<StoredState | null> {
  const { rows } = await sql.query<{
    seen: string;
    unseen_since: string;
    window_first_day: string;
    window_is_stale: boolean;
    months_to_recount: string[];
  }>(READ);
  const row = rows[0];
  return row === undefined
    ? null
    : {
        seen: parseSnapshot(row.seen),
        unseenSince: row.unseen_since,
        windowFirstDay: row.window_first_day,
        windowIsStale: row.window_is_stale,
        monthsToRecount: row.months_to_recount,
      };
}

const SAVE = `
insert into pattern_state (server, seen, unseen_since, window_first_day, window_is_stale, months_to_recount)
values (${SERVER}, $1::pg_snapshot, $2, $3, $4, $5::date[])
on conflict (only_row) do update
set server = excluded.server, seen = excluded.seen, unseen_since = excluded.unseen_since,
  window_first_day = excluded.window_first_day, window_is_stale = excluded.window_is_stale,
  months_to_recount = excluded.months_to_recount`;

export async function savePatternState(
  sql: Sql,
  state: PatternState & { seen: Snapshot; unseenSince: string },
): Promise<void> {
  const { seen, unseenSince, windowFirstDay, windowIsStale, monthsToRecount } = state;
  await sql.query(SAVE, [seen.text, unseenSince, windowFirstDay, windowIsStale, monthsToRecount]);
}

// Every partition is a month; of months that are gone from the ledger there may be roll-ups left.
const MONTHS = `
select to_date(right(c.relname, 7), 'YYYY_MM')::text as month
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'command_executions'::regclass and c.relname ~ '_\\d{4}_\\d{2}$'
union
select distinct date_trunc('month', day)::date::text from pattern_daily_rollups
order by month`;

/** The first days of the months that have executions or roll-ups, in order. */
export async function listPatternMonths(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ month: string }>(MONTHS);
  return rows.map(({ month }) => month);
}

const TAKE_MARKS = `
with picked as (
  select distinct organization_id, day from pattern_dirty_days order by day, organization_id limit $1
), taken as (
  delete from pattern_dirty_days d using picked p
  where d.day = p.day and d.organization_id is not distinct from p.organization_id
)
select organization_id, day::text as day, exists (
  select from pattern_frozen_days f where f.organization_id = picked.organization_id and picked.day < f.before
) as is_frozen from picked`;

/** Takes marks of at most `max` days away. Null stands for every organization; the roll-ups of frozen days are final. */
export async function takeDirtyDays(
  sql: Sql,
  max: number,
): Promise<{ organizationId: string | null; day: string; isFrozen: boolean }[]> {
  const { rows } = await sql.query<{ organization_id: string | null; day: string; is_frozen: boolean }>(
    TAKE_MARKS,
    [max],
  );
  return rows.map(({ organization_id, day, is_frozen }) => ({
    organizationId: organization_id,
    day,
    isFrozen: is_frozen,
  }));
}
