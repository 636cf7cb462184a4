/**
 * The questions of `GET /v1/analytics/{kind}`: closed lists, each entry with an expression in both stores. What the figures
 * mean stands with the answers, in analytics-answers.ts.
 */
export const ANALYTICS_KINDS = [
  "trends",
  "costs",
  "cache",
  "failures",
  "sessions",
  "repositories",
  "models",
] as const;
export type AnalyticsKind = (typeof ANALYTICS_KINDS)[number];

const PERIODS = ["hour", "day", "week", "month"] as const;
export type Period = (typeof PERIODS)[number];

/** What an execution is, does or belongs to. */
const DIMENSIONS = ["command_base", "repository", "model", "user", "task_kind", "source"] as const;
type Dimension = (typeof DIMENSIONS)[number] | "session";
export type AnalyticsGroup = Period | Dimension | "status";

export const ANALYTICS_FILTERS = ["repository", "model", "command_base", "status"] as const;
export type AnalyticsFilter = (typeof ANALYTICS_FILTERS)[number];
/** The statuses of executions that have ended; others are in no figure. */
export const ENDED_STATUSES = ["completed", "failed", "timeout"] as const;

/** Figures the stores compute for each group; answers are made from them in one place. */
export type StoredFigure =
  | "executions"
  | "failed"
  | "timeouts"
  | "sum_input"
  | "sum_output"
  | "sum_cache_read"
  | "sum_cache_write_5m"
  | "sum_cache_write_1h"
  | "sum_total"
  | "measured"
  | "priced_tokens"
  | "sum_cost"
  | "priced"
  | "sum_savings"
  | "sum_reported"
  | "reported"
  | "hit_micros"
  | "rated"
  | "lost_tokens"
  | "lost_cost"
  | "lost_priced"
  | "first_ms"
  | "last_ms"
  | "last_failure_ms"
  | "people"
  | "sessions"
  | "repository"
  | "model"
  | "costs"
  | "times";

/** What rows may be ordered by; each store knows it as an expression of the figures. */
export type AnalyticsOrder =
  | "key"
  | "executions"
  | "total_tokens"
  | "cost_usd"
  | "p95_cost_usd"
  | "cache_hit_rate"
  | "cache_savings_usd"
  | "failures"
  | "failure_rate"
  | "lost_cost_usd"
  | "started_at"
  | "last_at";

interface AnalyticsDefinition {
  /** What it can be grouped by; the first is meant when nothing is said. */
  groups: readonly [AnalyticsGroup, ...AnalyticsGroup[]];
  /** What it can be ordered by; the first is meant when nothing is said. */
  orders: readonly [AnalyticsOrder, ...AnalyticsOrder[]];
  figures: readonly StoredFigure[];
}

const BREAKDOWN = [...DIMENSIONS, "status"] as const;
const TOKENS = [
  "sum_input",
  "sum_output",
  "sum_cache_read",
  "sum_cache_write_5m",
  "sum_cache_write_1h",
  "sum_total",
  "measured",
] as const;
const MONEY = ["sum_cost", "priced", "sum_savings"] as const;
const ENDS = ["executions", "failed", "timeouts"] as const;

export const ANALYTICS: Readonly<Record<AnalyticsKind, AnalyticsDefinition>> = {
  trends: {
    groups: ["day", "hour", "week", "month"],
    orders: ["key"],
    figures: [...ENDS, ...TOKENS, ...MONEY, "hit_micros", "rated"],
  },
  costs: {
    groups: BREAKDOWN,
    orders: ["cost_usd", "p95_cost_usd", "executions", "key"],
    figures: ["executions", ...MONEY, "sum_reported", "reported", "costs"],
  },
  cache: {
    groups: BREAKDOWN,
    orders: ["cache_hit_rate", "cache_savings_usd", "total_tokens", "executions", "key"],
    figures: ["executions", ...TOKENS, ...MONEY, "hit_micros", "rated"],
  },
  failures: {
    groups: DIMENSIONS,
    orders: ["failures", "failure_rate", "lost_cost_usd", "executions", "key"],
    figures: [...ENDS, "lost_tokens", "lost_cost", "lost_priced", "last_failure_ms"],
  },
  sessions: {
    groups: ["session"],
    orders: ["cost_usd", "total_tokens", "executions", "started_at", "last_at", "key"],
    figures: [
      ...ENDS,
      "sum_cache_read",
      "sum_total",
      "measured",
      ...MONEY,
      "first_ms",
      "last_ms",
      "repository",
      "model",
    ],
  },
  repositories: {
    groups: ["repository"],
    orders: ["cost_usd", "total_tokens", "executions", "failures", "last_at", "key"],
    figures: [
      ...ENDS,
      "sum_cache_read",
      "sum_total",
      "measured",
      ...MONEY,
      "sessions",
      "people",
      "first_ms",
      "last_ms",
    ],
  },
  models: {
    groups: ["model"],
    orders: ["cost_usd", "total_tokens", "executions", "failure_rate", "key"],
    figures: [...ENDS, ...TOKENS, "priced_tokens", ...MONEY, "people", "times"],
  },
};

export interface AnalyticsQuery {
  kind: AnalyticsKind;
  /** First moment that counts. */
  from: Date;
  /** First moment that no longer counts. */
  to: Date;
  groupBy: AnalyticsGroup;
  order: AnalyticsOrder;
  isDescending: boolean;
  filters: Readonly<Partial<Record<AnalyticsFilter, string>>>;
  limit: number;
  offset: number;
}

export function isPeriod(group: AnalyticsGroup): group is Period {
  return PERIODS.some((period) => period === group);
}

/** The filters that are given, in a fixed order. */
export function filtersOf({ filters }: Pick<AnalyticsQuery, "filters">): [AnalyticsFilter, string][] {
  return ANALYTICS_FILTERS.flatMap((name): [AnalyticsFilter, string][] => {
    const value = filters[name];
    return value === undefined ? [] : [[name, value]];
  });
}
