import { formatUsd, parseUsd } from "./agent/usd.ts";

/** What a summary of executions can be grouped by: a closed list, each with an expression in both stores. */
export const SUMMARY_GROUPS = [
  "day",
  "hour",
  "model",
  "command_base",
  "status",
  "repository",
  "session",
] as const;
export type SummaryGroup = (typeof SUMMARY_GROUPS)[number];

export interface SummaryQuery {
  /** First moment that counts. */
  from: Date;
  /** First moment that no longer counts. */
  to: Date;
  groupBy: SummaryGroup;
  limit: number;
  offset: number;
}

/**
 * Figures over executions that have ended. Sums are over what is known and null where nothing is; how much is not known
 * stands beside them.
 */
export interface SummaryMeasures {
  executions: number;
  /** Failed or ended by a time limit. */
  failures: number;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  total_tokens: number | null;
  /** Executions that told no token counts. */
  unmeasured: number;
  /** Cache reads as a percentage of all tokens: of the sums, not an average of rates. */
  cache_hit_rate: number | null;
  /** Exact decimal dollars, as all amounts here. */
  cost_usd: string | null;
  /** Executions without a cost, because a model of theirs has no known price or they told no tokens. */
  unpriced: number;
  cache_savings_usd: string | null;
  /** What the agents themselves said, for the executions where they did. */
  reported_cost_usd: string | null;
  unreported: number;
  /** Interpolated between the two nearest of the known times, to a hundredth of a millisecond. */
  time_p50_ms: number | null;
  time_p95_ms: number | null;
}

export interface SummaryRow extends SummaryMeasures {
  /** The day (`2026-11-20`) or hour (`2026-11-20T09:00:00Z`) in UTC, or the text grouped by; null where unknown. */
  key: string | null;
}

export interface Summary {
  /** Over everything in the range, whatever page was asked for. */
  total: SummaryMeasures;
  groupCount: number;
  rows: SummaryRow[];
}

type Count = number | string;

/** A row as both stores answer it: the one with `is_total` over all groups, the others in order. */
export interface StoredSummaryRow {
  is_total: Count;
  group_count: Count;
  key: string | null;
  executions: Count;
  failures: Count;
  sum_input: Count | null;
  sum_output: Count | null;
  sum_cache_read: Count | null;
  sum_cache_write_5m: Count | null;
  sum_cache_write_1h: Count | null;
  sum_total: Count | null;
  unmeasured: Count;
  sum_cost: string | null;
  unpriced: Count;
  sum_savings: string | null;
  sum_reported: string | null;
  unreported: Count;
  times: readonly (number | null)[] | null;
}

export function readSummary(stored: readonly StoredSummaryRow[]): Summary {
  const total = stored.find((row) => Number(row.is_total) === 1);
  if (total === undefined) throw new Error("a store answered no total");
  const groups = stored.filter((row) => Number(row.is_total) === 0);
  return {
    total: readMeasures(total),
    groupCount: Number(total.group_count),
    rows: groups.map((row) => Object.assign({ key: row.key }, readMeasures(row))),
  };
}

function readMeasures(row: StoredSummaryRow): SummaryMeasures {
  const cacheRead = readCount(row.sum_cache_read);
  const total = readCount(row.sum_total);
  return {
    executions: Number(row.executions),
    failures: Number(row.failures),
    input_tokens: readCount(row.sum_input),
    output_tokens: readCount(row.sum_output),
    cache_read_tokens: cacheRead,
    cache_write_5m_tokens: readCount(row.sum_cache_write_5m),
    cache_write_1h_tokens: readCount(row.sum_cache_write_1h),
    total_tokens: total,
    unmeasured: Number(row.unmeasured),
    cache_hit_rate: percentage(cacheRead, total),
    cost_usd: readUsd(row.sum_cost),
    unpriced: Number(row.unpriced),
    cache_savings_usd: readUsd(row.sum_savings),
    reported_cost_usd: readUsd(row.sum_reported),
    unreported: Number(row.unreported),
    time_p50_ms: readTime(row.times?.[0]),
    time_p95_ms: readTime(row.times?.[1]),
  };
}

function readCount(value: Count | null): number | null {
  return value === null ? null : Number(value);
}

function percentage(part: number | null, whole: number | null): number | null {
  if (part === null || whole === null) return null;
  return whole === 0 ? 0 : (part / whole) * 100;
}

function readUsd(text: string | null): string | null {
  if (text === null) return null;
  const pico = parseUsd(text);
  if (pico === null) throw new TypeError("a store answered an amount that is none");
  return formatUsd(pico).replace(/\.?0+$/, "");
}

/** An interpolated percentile is a multiple of 0.05 ms here, so rounding it cannot make two stores differ. */
function readTime(value: number | null | undefined): number | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null;
  return Math.round(value * 100) / 100;
}
