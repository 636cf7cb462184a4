import { FIGURES, MONEY, type RollUp, SKETCHES } from "../agent/roll-up.ts";
import { decodeSketch, encodeSketch } from "../agent/sketch.ts";
import { formatUsd } from "../agent/usd.ts";
import { encodeArray } from "./binary-array.ts";
import type { Sql } from "./pool.ts";

/** A pattern's day. Days are UTC days as `2026-11-21`. */
export interface PatternDay {
  organizationId: string;
  day: string;
  signature: string;
  base: string;
  rollUp: RollUp;
}

const isMoney = (name: string): boolean => (MONEY as readonly string[]).includes(name);

const FIGURES_TEXT = FIGURES.map((name) =>
  isMoney(name) ? `(r.${name} * 1000000000000)::numeric(60, 0)::text` : `r.${name}::text`,
).join(" || ' ' || ");
const READ = `r.organization_id, r.day::text as day_text, r.pattern_signature as signature, r.command_base as base,
  ${FIGURES_TEXT} as figures, ${SKETCHES.map((name) => `r.${name}`).join(", ")}, r.failure_classes`;

interface Row {
  organization_id: string;
  day_text: string;
  signature: string;
  base: string;
  figures: string;
  tokens_sketch: Buffer;
  cost_sketch: Buffer;
  time_sketch: Buffer;
  cache_rate_sketch: Buffer;
  failure_classes: Record<string, number>;
}

function readRow(row: Row): PatternDay {
  return {
    organizationId: row.organization_id,
    day: row.day_text,
    signature: row.signature,
    base: row.base,
    rollUp: {
      figures: row.figures.split(" ").map(BigInt),
      sketches: {
        tokens_sketch: decodeSketch(row.tokens_sketch),
        cost_sketch: decodeSketch(row.cost_sketch),
        time_sketch: decodeSketch(row.time_sketch),
        cache_rate_sketch: decodeSketch(row.cache_rate_sketch),
      },
      failures: new Map(Object.entries(row.failure_classes)),
    },
  };
}

type DayKey = Pick<PatternDay, "organizationId" | "day">;
type PatternKey = DayKey & Pick<PatternDay, "signature">;

const LIST_OF_DAYS = `
select ${READ}
from unnest($1::uuid[], $2::text[]) as k (organization_id, day)
  join pattern_daily_rollups r on r.organization_id = k.organization_id and r.day = k.day::date`;

/** Every pattern of the days. */
export async function listPatternDays(sql: Sql, days: readonly DayKey[]): Promise<PatternDay[]> {
  const { rows } = await sql.query<Row>(LIST_OF_DAYS, [
    days.map(({ organizationId }) => organizationId),
    days.map(({ day }) => day),
  ]);
  return rows.map(readRow);
}

const FIND = `
select ${READ}
from unnest($1::uuid[], $2::text[], $3::text[]) as k (organization_id, day, signature)
  join pattern_daily_rollups r
    on r.organization_id = k.organization_id and r.day = k.day::date and r.pattern_signature = k.signature`;

/** Those of the patterns' days that there are. */
export async function findPatternDays(sql: Sql, keys: readonly PatternKey[]): Promise<PatternDay[]> {
  const { rows } = await sql.query<Row>(FIND, keyArrays(keys));
  return rows.map(readRow);
}

const WRITTEN = [...FIGURES, ...SKETCHES, "failure_classes"];
const SAVE = `
insert into pattern_daily_rollups (organization_id, day, pattern_signature, command_base, ${WRITTEN.join(", ")})
select organization_id, day::date, signature, base, ${FIGURES.map((name) => `${name}::numeric`).join(", ")},
  ${[...SKETCHES, "failure_classes"].join(", ")}
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[],
  ${FIGURES.map((_, index) => `$${index + 5}::text[]`).join(", ")},
  ${SKETCHES.map((_, index) => `$${index + 5 + FIGURES.length}::bytea[]`).join(", ")},
  $${5 + FIGURES.length + SKETCHES.length}::jsonb[])
  as r (organization_id, day, signature, base, ${WRITTEN.join(", ")})
on conflict (organization_id, day, pattern_signature) do update
set ${WRITTEN.map((name) => `${name} = excluded.${name}`).join(", ")}`;

/** Stores the patterns' days, in the place of what was there. No key may be in it twice. */
export async function savePatternDays(sql: Sql, days: readonly PatternDay[]): Promise<void> {
  await sql.query({
    name: "save-pattern-days",
    text: SAVE,
    values: [
      ...keyArrays(days),
      encodeArray(
        "text",
        days.map(({ base }) => base),
      ),
      ...FIGURES.map((name, index) =>
        encodeArray(
          "text",
          days.map(({ rollUp }) => {
            const value = rollUp.figures[index] ?? 0n;
            return isMoney(name) ? formatUsd(value) : String(value);
          }),
        ),
      ),
      ...SKETCHES.map((name) =>
        encodeArray(
          "bytea",
          days.map(({ rollUp }) => encodeSketch(rollUp.sketches[name])),
        ),
      ),
      encodeArray(
        "jsonb",
        days.map(({ rollUp }) => Object.fromEntries(rollUp.failures)),
      ),
    ],
  });
}

const DELETE = `
delete from pattern_daily_rollups r
using unnest($1::uuid[], $2::text[], $3::text[]) as k (organization_id, day, signature)
where r.organization_id = k.organization_id and r.day = k.day::date and r.pattern_signature = k.signature`;

export async function deletePatternDays(sql: Sql, keys: readonly PatternKey[]): Promise<void> {
  await sql.query(DELETE, keyArrays(keys));
}

function keyArrays(keys: readonly PatternKey[]): Buffer[] {
  return [
    encodeArray(
      "uuid",
      keys.map(({ organizationId }) => organizationId),
    ),
    encodeArray(
      "text",
      keys.map(({ day }) => day),
    ),
    encodeArray(
      "text",
      keys.map(({ signature }) => signature),
    ),
  ];
}

const DAYS_BETWEEN = `
select distinct organization_id, day::text as day from pattern_daily_rollups r
where day >= $1 and day < $2 and not exists (
  select from pattern_frozen_days f where f.organization_id = r.organization_id and r.day < f.before
)`;

/** The days from the first to before the second that have roll-ups which are not final, of every organization. */
export async function listRolledUpDays(sql: Sql, from: string, until: string): Promise<DayKey[]> {
  const { rows } = await sql.query<{ organization_id: string; day: string }>(DAYS_BETWEEN, [from, until]);
  return rows.map(({ organization_id, day }) => ({ organizationId: organization_id, day }));
}

const OPEN_BETWEEN = `declare pattern_days no scroll cursor for
select ${READ} from pattern_daily_rollups r
where r.day >= $1 and r.day < $2
order by r.organization_id, r.day`;

/** Opens the roll-ups of the days from the first to before the second, by organization. */
export async function openPatternDays(sql: Sql, from: string, until: string): Promise<void> {
  await sql.query(OPEN_BETWEEN, [from, until]);
}

/** The next `count`; none when all have been read, which closes them. */
export async function fetchPatternDays(sql: Sql, count: number): Promise<PatternDay[]> {
  const { rows } = await sql.query<Row>(`fetch forward ${count} from pattern_days`);
  if (rows.length === 0) await sql.query("close pattern_days");
  return rows.map(readRow);
}

// The lateral selects keep to the few days, where the planner would read all of the roll-ups.
const REFRESH_DAILY_STATS = `
with days as materialized (
  select distinct organization_id, day::date as day from unnest($1::uuid[], $2::text[]) as k (organization_id, day)
), fresh as materialized (
  select d.organization_id, d.day, s.*
  from days d cross join lateral (
    select r.command_base, sum(r.execution_count) as executions, sum(r.failed_count) as failed,
      sum(r.timeout_count) as timeouts, sum(r.measured_count) as measured, sum(r.total_tokens) as tokens,
      sum(r.cached_tokens) as cached, sum(r.priced_count) as priced, sum(r.cost_usd) as cost,
      sum(r.unpriced_count) as unpriced, sum(r.saving_count) as saving, sum(r.cache_savings_usd) as savings
    from pattern_daily_rollups r
    where r.organization_id = d.organization_id and r.day = d.day
    group by r.command_base
  ) s
), gone as (
  delete from daily_command_stats s using days d
  where s.organization_id = d.organization_id and s.day = d.day
    and (s.organization_id, s.day, s.command_base) not in (select f.organization_id, f.day, f.command_base from fresh f)
)
insert into daily_command_stats as s
select organization_id, day, command_base, executions, failed, timeouts, tokens / nullif(measured, 0),
  case when measured > 0 then tokens end, case when measured > 0 then cached end, case when priced > 0 then cost end,
  unpriced, case when saving > 0 then savings end
from fresh
on conflict (organization_id, day, command_base) do update
set execution_count = excluded.execution_count, failed_count = excluded.failed_count,
  timeout_count = excluded.timeout_count, avg_tokens = excluded.avg_tokens, total_tokens = excluded.total_tokens,
  cached_tokens = excluded.cached_tokens, total_cost = excluded.total_cost, unpriced_count = excluded.unpriced_count,
  total_cache_savings = excluded.total_cache_savings`;

/** Brings daily_command_stats up to date with the roll-ups of the days. */
export async function refreshDailyStats(sql: Sql, days: readonly DayKey[]): Promise<void> {
  await sql.query(REFRESH_DAILY_STATS, [
    days.map(({ organizationId }) => organizationId),
    days.map(({ day }) => day),
  ]);
}
