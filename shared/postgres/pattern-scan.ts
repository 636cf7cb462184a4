import type { CommandShape } from "../agent/pattern-signature.ts";
import { addFailure, emptyRollUp, FIGURES, MONEY, type RollUp, SKETCHES } from "../agent/roll-up.ts";
import { addSketch, BUCKET_MAX, GAMMA, type Sketch, sketchOfBuckets } from "../agent/sketch.ts";
import { readShape, SHAPE } from "./command-shape.ts";
import type { Sql } from "./pool.ts";

/**
 * Reading the ledger for patterns. One pass groups what has ended by organization, UTC day and shape of the command, into
 * a table of the transaction; the groups are then read in bounded portions. The server does the adding up, because there
 * are many rows to a group.
 */

/** Which executions are looked at; the number of the first free parameter is given. */
export interface ScanFilter {
  /** `text` must be a condition on `e`, a row of the ledger. */
  text: string;
  values: readonly unknown[];
  /** Whether an index leads to the rows: the planner may not know yet that there are few. */
  isNarrow: boolean;
}

/** One execution's four buckets in one number, each in 13 bits: none, zero, or the bucket. */
const BITS = 13;
const BASE = 2 ** BITS;
const NONE = 0;
const ZERO = 1;
const OFFSET = BASE / 2;

function bucketCode(column: string): string {
  const bucket = `ceil(ln(e.${column}::double precision) / ln(${GAMMA}::double precision))::bigint`;
  return `case when e.${column} is null then ${NONE} when e.${column} <= 0 then ${ZERO}
    else ${OFFSET} + greatest(-${BUCKET_MAX}, least(${BUCKET_MAX}, ${bucket})) end`;
}

const CODED = ["total_tokens", "cost_usd", "execution_time_ms", "cache_hit_rate"];
const CODE = CODED.map((column, index) => `((${bucketCode(column)})::bigint << ${BITS * index})`).join(" | ");

/** Failures by what the message says; the first that fits. Each is a class, never the message itself. */
const FAILURE_CLASSES: readonly (readonly [name: string, pattern: string])[] = [
  ["rate_limit", "overloaded|rate.?limit|too many requests|\\m(429|529)\\M"],
  ["context_limit", "prompt is too long|context (window|length|limit)|maximum context"],
  ["turn_limit", "limit of \\d+ turns|max.?turns|maximum (number of )?turns"],
  ["budget", "budget|credit balance|quota|billing"],
  ["permission", "permission|denied|forbidden|unauthori[sz]ed|\\m(401|403)\\M"],
  ["timeout", "timed? ?out|deadline"],
  ["interrupted", "interrupt|cancel|abort|\\msig(int|term|kill|hup)\\M"],
  ["network", "econn|enotfound|etimedout|network|socket|fetch failed|\\m50[0234]\\M"],
  ["conflict", "conflict"],
  ["tests", "tests? (still )?fail|assertion"],
  ["exit_code", "exit(ed)? (with )?(code|status)"],
];
export const FAILURE = `case e.status when 'timeout' then 'timeout' when 'failed' then case
  when e.error_message is null then 'unknown'
  ${FAILURE_CLASSES.map(([name, pattern]) => `when left(e.error_message, 1000) ~* '${pattern}' then '${name}'`).join("\n  ")}
  else 'other' end end`;

const isLost = "status <> 'completed'";
const EXPRESSIONS: Readonly<Record<(typeof FIGURES)[number], string>> = {
  execution_count: "count(*)",
  failed_count: "count(*) filter (where status = 'failed')",
  timeout_count: "count(*) filter (where status = 'timeout')",
  measured_count: "count(total_tokens)",
  priced_count: "count(cost_usd)",
  unpriced_count: "count(*) filter (where cost_basis = 'unpriced')",
  saving_count: "count(cache_savings_usd)",
  timed_count: "count(execution_time_ms)",
  total_tokens: "sum(total_tokens)",
  input_tokens: "sum(input_tokens)",
  output_tokens: "sum(output_tokens)",
  cached_tokens: "sum(cached_tokens)",
  cache_write_5m_tokens: "sum(cache_write_5m_tokens)",
  cache_write_1h_tokens: "sum(cache_write_1h_tokens)",
  lost_tokens: `sum(total_tokens) filter (where ${isLost})`,
  execution_time_ms: "sum(execution_time_ms)",
  cost_usd: "sum(cost_usd)",
  lost_cost_usd: `sum(cost_usd) filter (where ${isLost})`,
  cache_savings_usd: "sum(cache_savings_usd)",
};
const MEASURED = [
  "status",
  "cost_basis",
  "total_tokens",
  "input_tokens",
  "output_tokens",
  "cached_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "execution_time_ms",
  "cost_usd",
  "cache_savings_usd",
];

const GROUPED = "organization_id, day, command_base, shape";
function scanText(filter: string): string {
  return `
create temporary table pattern_scan on commit drop as
select ${GROUPED},
  ${FIGURES.map((name) => `${EXPRESSIONS[name]} as ${name}`).join(",\n  ")},
  array_agg(code) as codes,
  array_agg(failure) filter (where failure is not null) as failures
from (
  select e.organization_id, (e.timestamp at time zone 'UTC')::date as day,
    e.command_base, ${SHAPE} as shape,
    ${MEASURED.map((column) => `e.${column}`).join(", ")},
    ${CODE} as code,
    ${FAILURE} as failure
  from command_executions e
  where e.status <> 'pending' and e.organization_id in (select id from organizations) and ${filter}
) looked_at
group by ${GROUPED}`;
}

/**
 * Fills the transaction's table of groups with what `filter` lets through; drops the one before. Returns how many
 * executions that were.
 */
export async function scanLedger(sql: Sql, filter: ScanFilter): Promise<number> {
  await sql.query("drop table if exists pattern_scan");
  // Hashing the groups costs half of what sorting the rows does, which the planner prefers while it knows no better.
  await sql.query(
    "set local enable_sort = off; set local enable_incremental_sort = off; set local jit = off",
  );
  // CREATE TABLE AS takes no parameters; the values are numbers, dates and UUIDs of our own, quoted as literals.
  await sql.query(scanText(withLiterals(filter)));
  const { rows } = await sql.query<{ scanned: string }>(
    "select coalesce(sum(execution_count), 0)::text as scanned from pattern_scan",
  );
  await sql.query(
    "set local enable_sort = on; set local enable_incremental_sort = on; set local enable_seqscan = on",
  );
  return Number(rows[0]?.scanned ?? 0);
}

function withLiterals({ text, values }: Pick<ScanFilter, "text" | "values">): string {
  return text.replace(/\$(\d+)/g, (_, number: string) => literal(values[Number(number) - 1]));
}

const PLAIN = /^[\w:.+ {},-]*$/;

function literal(value: unknown): string {
  const text = Array.isArray(value) ? `{${value.join(",")}}` : String(value);
  if (!PLAIN.test(text)) throw new Error("not a plain value");
  return `'${text}'`;
}

export interface ScannedDay {
  organization_id: string;
  day: string;
  groups: number;
}

/** The days in the table of groups, in order. */
export async function listScannedDays(sql: Sql): Promise<ScannedDay[]> {
  const { rows } = await sql.query<ScannedDay>(
    `select organization_id, day::text, count(*) as groups from pattern_scan group by 1, 2, pattern_scan.day
     order by organization_id, pattern_scan.day`,
  );
  return rows;
}

const FIGURES_TEXT = FIGURES.map((name) =>
  (MONEY as readonly string[]).includes(name)
    ? `coalesce(${name} * 1000000000000, 0)::numeric(60, 0)::text`
    : `coalesce(${name}, 0)::text`,
).join(" || ' ' || ");

const OPEN = `declare pattern_groups no scroll cursor for
select organization_id, day::text as day_text, command_base as base, shape, ${FIGURES_TEXT} as figures,
  codes::text as codes, failures::text as failures
from pattern_scan order by organization_id, day`;

interface GroupRow {
  organization_id: string;
  day_text: string;
  base: string;
  shape: string;
  figures: string;
  codes: string;
  failures: string | null;
}

export interface ScannedGroup {
  organizationId: string;
  day: string;
  /** Equal for equal shapes. */
  shapeKey: string;
  shape: () => CommandShape;
  base: string;
  rollUp: RollUp;
}

/** Opens the groups for reading in the order of listScannedDays. */
export async function openGroups(sql: Sql): Promise<void> {
  await sql.query(OPEN);
}

/** The next `count` groups. */
export async function fetchGroups(sql: Sql, count: number): Promise<ScannedGroup[]> {
  const { rows } = await sql.query<GroupRow>(`fetch forward ${count} from pattern_groups`);
  return rows.map(readGroup);
}

function readGroup(row: GroupRow): ScannedGroup {
  const rollUp = emptyRollUp();
  for (const [index, text] of row.figures.split(" ").entries()) rollUp.figures[index] = BigInt(text);
  for (const [index, sketch] of readCodes(row.codes).entries()) {
    const name = SKETCHES[index];
    if (name !== undefined) addSketch(rollUp.sketches[name], sketch, 1);
  }
  for (const name of arrayItems(row.failures ?? "{}")) addFailure(rollUp, name, 1);
  return {
    organizationId: row.organization_id,
    day: row.day_text,
    shapeKey: `${row.base} ${row.shape}`,
    shape: () => readShape(row),
    base: row.base,
    rollUp,
  };
}

/** The sketches of the coded columns, in their order. */
function readCodes(text: string): Sketch[] {
  const codes = arrayItems(text);
  const columns = CODED.map(() => ({ buckets: new Int32Array(codes.length), length: 0, zeros: 0 }));
  for (const code of codes) {
    let rest = Number(code);
    for (const column of columns) {
      const one = rest % BASE;
      rest = Math.floor(rest / BASE);
      if (one === ZERO) column.zeros += 1;
      else if (one !== NONE) column.buckets[column.length++] = one - OFFSET;
    }
  }
  return columns.map(({ buckets, length, zeros }) => sketchOfBuckets(buckets.subarray(0, length), zeros));
}

/** Of an array whose items need no quotes. */
function arrayItems(text: string): string[] {
  return text.length <= 2 ? [] : text.slice(1, -1).split(",");
}
