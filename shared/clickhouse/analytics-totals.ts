import { type AnalyticsQuery, isPeriod, type StoredFigure } from "../analytics.ts";

/**
 * The sums of execution_totals (see migrations/clickhouse) and which questions they answer: those about whole UTC days, or
 * hours where nothing else is asked for, and one dimension. Others go to the executions themselves.
 */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The dimension whose sums answer the question; null when none does. */
export function findTotals({ kind, from, to, groupBy, filters }: AnalyticsQuery): string | null {
  const { status, ...others } = filters;
  // Sessions are not kept apart by status.
  if (kind === "sessions" && status !== undefined) return null;
  const asked = new Set<string>(Object.keys(others));
  if (!isPeriod(groupBy) && groupBy !== "status") asked.add(groupBy);
  if (asked.size > 1) return null;
  // Hours hold no costs to take percentiles of; where the dimension does not matter, the one with the fewest rows serves.
  const dimension = [...asked][0] ?? (isPeriod(groupBy) ? "all" : "source");
  if (groupBy === "hour" && dimension !== "all") return null;
  const grainMs = dimension === "all" ? HOUR_MS : DAY_MS;
  return from.getTime() % grainMs === 0 && to.getTime() % grainMs === 0 ? dimension : null;
}

const LOST = "s.status in ('failed', 'timeout')";

/** Each figure from the sums `s`. */
export const TOTALS_FIGURES: Readonly<Record<StoredFigure, string>> = {
  executions: "sum(s.executions)",
  failed: "sum(s.failed)",
  timeouts: "sum(s.timeouts)",
  sum_input: "sum(s.input_tokens)",
  sum_output: "sum(s.output_tokens)",
  sum_cache_read: "sum(s.cache_read_tokens)",
  sum_cache_write_5m: "sum(s.cache_write_5m_tokens)",
  sum_cache_write_1h: "sum(s.cache_write_1h_tokens)",
  sum_total: "sum(s.total_tokens)",
  measured: "sum(s.measured)",
  priced_tokens: "sum(s.priced_tokens)",
  sum_cost: "sum(s.cost_usd)",
  priced: "sum(s.priced)",
  sum_savings: "sum(s.cache_savings_usd)",
  sum_reported: "sum(s.reported_cost_usd)",
  reported: "sum(s.reported)",
  hit_micros: "sum(s.cache_hit_micros)",
  rated: "sum(s.rated)",
  lost_tokens: `sumIf(s.total_tokens, ${LOST})`,
  lost_cost: `sumIf(s.cost_usd, ${LOST})`,
  lost_priced: `sumIf(s.priced, ${LOST})`,
  first_ms: "toUnixTimestamp64Milli(min(s.first_at))",
  last_ms: "toUnixTimestamp64Milli(max(s.last_at))",
  last_failure_ms: `toUnixTimestamp64Milli(maxIf(s.last_at, ${LOST}))`,
  people: "uniqExactMerge(s.people)",
  sessions: "uniqExactMerge(s.sessions)",
  repository: "if(min(s.repository_min) = max(s.repository_max), min(s.repository_min), null)",
  model: "if(min(s.model_min) = max(s.model_max), min(s.model_min), null)",
  // Whole pico-dollars.
  costs: "quantilesExactArray(0.499999999, 0.949999999)(s.costs)",
  times: "quantilesExactInclusiveArray(0.5, 0.95)(s.times)",
};
