import type { AnalyticsKind } from "./analytics.ts";
import {
  divideUsd,
  dollars,
  type Figures,
  figuresOf,
  NO_FIGURES,
  percentage,
  type StoredAnalyticsRow,
} from "./analytics-figures.ts";

export type AnalyticsValue = number | string | null;
export type AnalyticsRow = Readonly<Record<string, AnalyticsValue>>;

/** One column of an answer: its name and its value in a row; `total` is the row of everything in the range. */
type Column = readonly [name: string, value: (row: Figures, total: Figures) => AnalyticsValue];

const unknown = (figure: "measured" | "priced" | "reported") => (row: Figures) =>
  row.count("executions") - row.count(figure);
const lost = (row: Figures): number => row.count("failed") + row.count("timeouts");
const MILLION = 1_000_000;

const EXECUTIONS: Column = ["executions", (row) => row.count("executions")];
/** Failed or ended by a time limit. */
const FAILURES: Column = ["failures", lost];
const FAILURE_RATE: Column = ["failure_rate", (row) => rateOf(lost(row), row.count("executions"))];
const TOTAL_TOKENS: readonly Column[] = [
  ["total_tokens", (row) => row.sum("sum_total")],
  /** Executions that told no token counts. */
  ["unmeasured", unknown("measured")],
];
const TOKENS: readonly Column[] = [
  ["input_tokens", (row) => row.sum("sum_input")],
  ["output_tokens", (row) => row.sum("sum_output")],
  ["cache_read_tokens", (row) => row.sum("sum_cache_read")],
  ["cache_write_5m_tokens", (row) => row.sum("sum_cache_write_5m")],
  ["cache_write_1h_tokens", (row) => row.sum("sum_cache_write_1h")],
  ...TOTAL_TOKENS,
];
/** Cache reads as a percentage of all tokens: of the sums. */
const HIT_RATE: Column = [
  "cache_hit_rate",
  (row) => percentage(row.sum("sum_cache_read"), row.sum("sum_total")),
];
/** The mean of each execution's own rate, to a millionth of a percent; a short execution counts as much as a long one. */
const MEAN_HIT_RATE: Column = [
  "mean_cache_hit_rate",
  (row) => {
    const micros = row.sum("hit_micros");
    return micros === null ? null : Math.round(micros / row.count("rated")) / MILLION;
  },
];
const COST: readonly Column[] = [
  ["cost_usd", (row) => dollars(row.usd("sum_cost"))],
  /** Executions without a cost, because a model of theirs has no known price or they told no tokens. */
  ["unpriced", unknown("priced")],
];
const SAVINGS: Column = ["cache_savings_usd", (row) => dollars(row.usd("sum_savings"))];
const PEOPLE: Column = ["people", (row) => row.count("people")];
/** Timestamps of the first and the last execution. */
const SPAN: readonly Column[] = [
  ["started_at", (row) => row.moment("first_ms")],
  ["last_at", (row) => row.moment("last_ms")],
];
const COST_SHARE: Column = [
  "cost_share",
  (row, total) => shareOf(row.usd("sum_cost"), total.usd("sum_cost")),
];

const COLUMNS: Readonly<Record<AnalyticsKind, readonly Column[]>> = {
  trends: [EXECUTIONS, FAILURES, ...TOKENS, HIT_RATE, MEAN_HIT_RATE, ...COST, SAVINGS],
  costs: [
    EXECUTIONS,
    ...COST,
    COST_SHARE,
    ["average_cost_usd", (row) => dollars(divideUsd(row.usd("sum_cost"), row.count("priced")))],
    /** The smallest cost that at least half, or 95 %, of the priced executions do not exceed. */
    ["p50_cost_usd", (row) => dollars(row.costs[0] ?? null)],
    ["p95_cost_usd", (row) => dollars(row.costs[1] ?? null)],
    SAVINGS,
    /** What the agents themselves said, for the executions where they did. */
    ["reported_cost_usd", (row) => dollars(row.usd("sum_reported"))],
    ["unreported", unknown("reported")],
  ],
  cache: [
    EXECUTIONS,
    HIT_RATE,
    MEAN_HIT_RATE,
    ...TOKENS,
    /** Tokens read from the cache for each that was written to it; null when none was. */
    ["reads_per_write", readsPerWrite],
    SAVINGS,
    ...COST,
  ],
  failures: [
    EXECUTIONS,
    ["failed", (row) => row.count("failed")],
    ["timeouts", (row) => row.count("timeouts")],
    FAILURES,
    FAILURE_RATE,
    /** Of the executions that failed. */
    ["lost_tokens", (row) => row.sum("lost_tokens")],
    ["lost_cost_usd", (row) => dollars(row.usd("lost_cost"))],
    ["unpriced_failures", (row) => lost(row) - row.count("lost_priced")],
    ["last_failure_at", (row) => (lost(row) === 0 ? null : row.moment("last_failure_ms"))],
  ],
  sessions: [
    ...SPAN,
    EXECUTIONS,
    FAILURES,
    ...TOTAL_TOKENS,
    HIT_RATE,
    ...COST,
    SAVINGS,
    /** Null when it is unknown, or more than one. */
    ["repository", (row) => row.text("repository")],
    ["model", (row) => row.text("model")],
  ],
  repositories: [
    EXECUTIONS,
    FAILURES,
    FAILURE_RATE,
    ["sessions", (row) => row.count("sessions")],
    PEOPLE,
    ...TOTAL_TOKENS,
    HIT_RATE,
    ...COST,
    COST_SHARE,
    SAVINGS,
    ...SPAN,
  ],
  models: [
    EXECUTIONS,
    FAILURES,
    FAILURE_RATE,
    PEOPLE,
    ...TOKENS,
    HIT_RATE,
    ...COST,
    COST_SHARE,
    /** Of the executions that have a cost, all kinds of tokens together. */
    [
      "cost_per_million_tokens_usd",
      (row) => dollars(divideUsd(timesMillion(row.usd("sum_cost")), row.sum("priced_tokens"))),
    ],
    SAVINGS,
    ["time_p50_ms", (row) => row.times[0] ?? null],
    ["time_p95_ms", (row) => row.times[1] ?? null],
  ],
};

export interface AnalyticsResult {
  /** Over everything in the range that the filters let through, whatever page was asked for; names no repository or model. */
  total: AnalyticsRow;
  /** Number of groups, on this page or not. */
  groupCount: number;
  rows: AnalyticsRow[];
}

/** The answer to what a store answered, each group under `key`. No rows at all mean that nothing was found. */
export function readAnalytics(kind: AnalyticsKind, stored: readonly StoredAnalyticsRow[]): AnalyticsResult {
  const totalRow = stored.find((row) => Number(row.is_total) === 1);
  if (totalRow === undefined && stored.length > 0) throw new TypeError("a store answered no total");
  const total = totalRow === undefined ? NO_FIGURES : figuresOf(totalRow);
  const columns = COLUMNS[kind];
  const valuesOf = (row: Figures): AnalyticsRow =>
    Object.fromEntries(columns.map(([name, value]) => [name, value(row, total)]));
  const { repository: _repository, model: _model, ...totalValues } = valuesOf(total);
  return {
    total: totalValues,
    groupCount: Number(totalRow?.group_count ?? 0),
    rows: stored
      .filter((row) => Number(row.is_total) === 0)
      .map((row) =>
        Object.assign(
          { key: row.key },
          kind === "cache" ? { rank: Number(row.rank) } : {},
          valuesOf(figuresOf(row)),
        ),
      ),
  };
}

/** The names of the columns in their order, for a table. */
export function analyticsColumns(kind: AnalyticsKind): readonly string[] {
  return ["key", ...(kind === "cache" ? ["rank"] : []), ...COLUMNS[kind].map(([name]) => name)];
}

/** The row of a period in which nothing ended. */
export function emptyAnalyticsRow(kind: AnalyticsKind, key: string): AnalyticsRow {
  return {
    key,
    ...Object.fromEntries(COLUMNS[kind].map(([name, value]) => [name, value(NO_FIGURES, NO_FIGURES)])),
  };
}

function rateOf(part: number, whole: number): number | null {
  return whole === 0 ? null : (part / whole) * 100;
}

/** Percent of the whole, to a millionth; exact amounts are compared, so both stores round the same figure. */
function shareOf(part: bigint | null, whole: bigint | null): number | null {
  if (part === null || whole === null || whole === 0n) return null;
  return Number((part * 100n * BigInt(MILLION)) / whole) / MILLION;
}

function readsPerWrite(row: Figures): number | null {
  const read = row.sum("sum_cache_read");
  const written = (row.sum("sum_cache_write_5m") ?? 0) + (row.sum("sum_cache_write_1h") ?? 0);
  return read === null || written === 0 ? null : Math.round((read / written) * 1_000) / 1_000;
}

function timesMillion(pico: bigint | null): bigint | null {
  return pico === null ? null : pico * BigInt(MILLION);
}
