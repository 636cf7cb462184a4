import type { StoredFigure } from "../analytics.ts";

const LOST = "s.status in ('failed', 'timeout')";

/**
 * Each figure from the executions `s` themselves. A percentile of costs is one of the costs: the level is a hair lower than it
 * says, because the function takes the cost after those that make up the share where that is a whole number of them.
 */
export const ROWS_FIGURES: Readonly<Record<StoredFigure, string>> = {
  executions: "count()",
  failed: "countIf(s.status = 'failed')",
  timeouts: "countIf(s.status = 'timeout')",
  sum_input: "sum(s.input_tokens)",
  sum_output: "sum(s.output_tokens)",
  sum_cache_read: "sum(s.cache_read_tokens)",
  sum_cache_write_5m: "sum(s.cache_write_5m_tokens)",
  sum_cache_write_1h: "sum(s.cache_write_1h_tokens)",
  sum_total: "sum(s.total_tokens)",
  measured: "count(s.total_tokens)",
  priced_tokens: "sumIf(s.total_tokens, s.cost_usd is not null)",
  sum_cost: "sum(s.cost_usd)",
  priced: "count(s.cost_usd)",
  sum_savings: "sum(s.cache_savings_usd)",
  sum_reported: "sum(s.reported_cost_usd)",
  reported: "count(s.reported_cost_usd)",
  hit_micros: "sum(toUInt64(round(s.cache_hit_rate * 1e6)))",
  rated: "count(s.cache_hit_rate)",
  lost_tokens: `sumIf(s.total_tokens, ${LOST})`,
  lost_cost: `sumIf(s.cost_usd, ${LOST})`,
  lost_priced: `countIf(s.cost_usd is not null and ${LOST})`,
  first_ms: "toUnixTimestamp64Milli(min(s.timestamp))",
  last_ms: "toUnixTimestamp64Milli(max(s.timestamp))",
  last_failure_ms: `toUnixTimestamp64Milli(maxIf(s.timestamp, ${LOST}))`,
  people: "uniqExact(s.user_id)",
  sessions: "uniqExact(s.session_id)",
  repository: "if(min(s.repository) = max(s.repository), min(s.repository), null)",
  model: "if(min(s.model) = max(s.model), min(s.model), null)",
  costs: "quantilesExact(0.499999999, 0.949999999)(s.cost_usd)",
  times: "quantilesExactInclusive(0.5, 0.95)(s.execution_time_ms)",
};
