import type { Cutoff } from "./retention-policies.ts";
import type { Sql } from "./pool.ts";

/** Monthly partitions: made ahead, and those of executions taken out. Months are first days as `2026-03-01`. */
export interface Month {
  parent: string;
  month: string;
}

const LIST = `
select p.relname as parent, to_date(right(c.relname, 7), 'YYYY_MM')::text as month
from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  join pg_class p on p.oid = i.inhparent
where p.relkind = 'p' and p.relnamespace = 'public'::regnamespace and c.relname ~ '_\\d{4}_\\d{2}$'
order by 1, 2`;

/** Every month of every table in monthly partitions. */
export async function listMonths(sql: Sql): Promise<Month[]> {
  return (await sql.query<Month>(LIST)).rows;
}

const PARENTS = `
select relname as parent from pg_class where relkind = 'p' and relnamespace = 'public'::regnamespace order by 1`;

export async function listPartitionedTables(sql: Sql): Promise<string[]> {
  return (await sql.query<{ parent: string }>(PARENTS)).rows.map(({ parent }) => parent);
}

/** Makes a month of a table unless it is there. */
export async function ensureMonth(sql: Sql, { parent, month }: Month): Promise<void> {
  if (parent === "command_executions") {
    await sql.query("select ensure_command_executions_partition($1::date)", [month]);
  } else {
    await sql.query("select ensure_event_partition($1, $2::date)", [parent, month]);
  }
}

export interface PastExecutions {
  month: string;
  organizationId: string;
  rows: number;
}

const PAST = `
select date_trunc('month', e.timestamp at time zone 'UTC')::date::text as month, e.organization_id, count(*) as rows
from command_executions e
  left join unnest($1::uuid[], $2::double precision[]) as c (organization_id, before_ms) on c.organization_id = e.organization_id
where e.timestamp < to_timestamp(coalesce(c.before_ms, $3) / 1000)
  and e.timestamp < to_timestamp($4::double precision / 1000)
group by 1, 2 order by 1, 2`;

/** Executions of the ledger that are past their organization's days, by month. */
export async function countPastExecutions(sql: Sql, cutoffs: readonly Cutoff[]): Promise<PastExecutions[]> {
  const { ids, befores, other, latest } = arraysOf(cutoffs);
  const { rows } = await sql.query<{ month: string; organization_id: string; rows: number }>(PAST, [
    ids,
    befores,
    other,
    latest,
  ]);
  return rows.map(({ month, organization_id, rows: count }) => ({
    month,
    organizationId: organization_id,
    rows: count,
  }));
}

/** Cut-offs of one target as parameters. Without any, nothing is past. */
export function arraysOf(cutoffs: readonly Cutoff[]): {
  ids: string[];
  befores: number[];
  other: number;
  latest: number;
} {
  const named = cutoffs.filter(({ organizationId }) => organizationId !== null);
  return {
    ids: named.flatMap(({ organizationId }) => organizationId ?? []),
    befores: named.map(({ before }) => before),
    other: cutoffs.find(({ organizationId }) => organizationId === null)?.before ?? 0,
    latest: Math.max(0, ...cutoffs.map(({ before }) => before)),
  };
}

export async function findMonthObstacle(sql: Sql, month: string): Promise<string | null> {
  const { rows } = await sql.query<{ obstacle: string | null }>(
    "select executions_month_obstacle($1::date) as obstacle",
    [month],
  );
  return rows[0]?.obstacle ?? null;
}

export async function findEarlyObstacle(
  sql: Sql,
  options: { month: string; organizationId: string; before: number },
): Promise<string | null> {
  const { rows } = await sql.query<{ obstacle: string | null }>(
    "select early_executions_obstacle($1::date, $2, to_timestamp($3::double precision / 1000)) as obstacle",
    [options.month, options.organizationId, options.before],
  );
  return rows[0]?.obstacle ?? null;
}

/** `detached`, `absent`, or why the month cannot leave yet. Throws lock_not_available (55P03) when others hold the ledger. */
export async function detachMonth(sql: Sql, month: string): Promise<string> {
  const { rows } = await sql.query<{ outcome: string }>(
    "select detach_executions_month($1::date) as outcome",
    [month],
  );
  return rows[0]?.outcome ?? "absent";
}

/** Takes some of an organization's executions out of a month; -1 while patterns are being counted. */
export async function removeEarly(
  sql: Sql,
  options: { month: string; organizationId: string; before: number; keep: boolean; rowsMax: number },
): Promise<number> {
  const { month, organizationId, before, keep, rowsMax } = options;
  const { rows } = await sql.query<{ removed: number }>(
    "select remove_executions_early($1::date, $2, to_timestamp($3::double precision / 1000), $4, $5) as removed",
    [month, organizationId, before, keep, rowsMax],
  );
  return rows[0]?.removed ?? 0;
}

const HELD = `
select month::text as month from retention_archives
where state = 'restored' and held_until > to_timestamp($1::double precision / 1000)`;

/** Months that were restored and are to stay for now. */
export async function listHeldMonths(sql: Sql, now: number): Promise<Set<string>> {
  const { rows } = await sql.query<{ month: string }>(HELD, [now]);
  return new Set(rows.map(({ month }) => month));
}

/** Drops a month of a table of events that is past; null when it stays. */
export async function dropEventMonth(
  sql: Sql,
  { parent, month }: Month,
  before: number,
): Promise<number | null> {
  const { rows } = await sql.query<{ held: number | null }>(
    "select drop_event_month($1, $2::date, to_timestamp($3::double precision / 1000)) as held",
    [parent, month, before],
  );
  return rows[0]?.held ?? null;
}
