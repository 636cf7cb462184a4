import { MADE_MONTH } from "./job-runs.ts";
import { type Pool, withSystemRole } from "./pool.ts";

export interface MonthFacts {
  /** The partitioned table with the fewest months in a row from the current one on, and how many these are. */
  table: string | null;
  months: number | null;
  /** Months, the current one or a later one, that somebody who wrote a row had to make within a week. */
  made_on_demand: number;
  /** Whether retention has made months ahead before. */
  retention_has_run: boolean;
}

const MONTHS = `
with fewest as (select parent, months from months_ahead() order by months, parent limit 1)
select (select parent from fewest) as "table", (select months from fewest) as months,
  (
    select count(*) from job_runs
    where job = $1 and ended_at > now() - interval '7 days'
      and right(counts ->> 'partition', 7) >= to_char(now() at time zone 'UTC', 'YYYY_MM')
      -- What was made before retention ran for the first time had nobody to make it.
      and ended_at > (select min(ended_at) from job_runs r where r.job = 'retention' and r.outcome <> 'failed')
  ) as made_on_demand,
  exists (
    select from job_states
    where job = 'retention' and (last_succeeded_at is not null or last_outcome <> 'failed')
  ) as retention_has_run`;

export async function getMonthFacts(pool: Pool): Promise<MonthFacts> {
  return withSystemRole(pool, async (sql) => {
    const [row] = (await sql.query<MonthFacts>({ text: MONTHS, values: [MADE_MONTH] })).rows;
    if (row === undefined) throw new Error("the months were not counted");
    return row;
  });
}

/** The numbers of the migrations that were applied, in order. */
export async function listAppliedMigrations(pool: Pool): Promise<number[]> {
  return withSystemRole(pool, async (sql) => {
    const { rows } = await sql.query<{ versions: number[] }>("select applied_migrations() as versions");
    return rows[0]?.versions ?? [];
  });
}

/** Keys in use that end soon, and sources whose secrets have all ended. */
export interface SecretFacts {
  keys_within_week: number;
  keys_within_day: number;
  keys_just_ended: number;
  /** Seconds until the first of them ends; null when none has an end. */
  first_end: number | null;
  sources_without_secret: number;
}

const SECRETS = `
select keys_within_week, keys_within_day, keys_just_ended, sources_without_secret,
  extract(epoch from first_end - now())::float8 as first_end
from expiring_secrets()`;

export async function getSecretFacts(pool: Pool): Promise<SecretFacts> {
  return withSystemRole(pool, async (sql) => {
    const [row] = (await sql.query<SecretFacts>({ text: SECRETS })).rows;
    if (row === undefined) throw new Error("the keys were not counted");
    return row;
  });
}

/** What pg_stat_statements has of this database; `is_installed` false where it has nothing: not there, or not loaded. */
export interface StatementFacts {
  is_installed: boolean;
  /** Statements of the functions that take more than a second on average, over at least ten calls. */
  slow: number;
  slowest_mean_ms: number | null;
}

const STATEMENTS = `
select count(*) > 0 as is_installed,
  count(*) filter (where mean_ms > 1000 and calls >= 10) as slow, max(mean_ms) filter (where calls >= 10) as slowest_mean_ms
from statement_statistics()`;

export async function getStatementFacts(pool: Pool): Promise<StatementFacts> {
  return withSystemRole(pool, async (sql) => {
    const [row] = (await sql.query<StatementFacts>({ text: STATEMENTS })).rows;
    if (row === undefined) throw new Error("the statements were not counted");
    return row;
  });
}
