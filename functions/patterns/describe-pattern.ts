import { type Figure, figureOf, type RollUp } from "../../shared/agent/roll-up.ts";
import { countOf, quantiles, type Sketch } from "../../shared/agent/sketch.ts";
import { formatUsd } from "../../shared/agent/usd.ts";
import type { PatternDescription } from "../../shared/postgres/pattern-windows.ts";

const SHARES = [0.1, 0.5, 0.9, 0.95];
const PICO_PER_USD = 1e12;

/** What 30 days of a pattern come to. What nothing is known of is null, never zero. */
export function describePattern(window: RollUp): PatternDescription {
  const count = (name: Figure): number => Number(figureOf(window, name));
  const executions = count("execution_count");
  const failed = count("failed_count");
  const timeouts = count("timeout_count");
  const measured = count("measured_count");
  const { tokens_sketch, cost_sketch, time_sketch, cache_rate_sketch } = window.sketches;
  const kinds = kindsOf(window);
  const writes = count("cache_write_5m_tokens") + count("cache_write_1h_tokens");
  const usd = (name: Figure, known: number): string | null =>
    known === 0 ? null : formatUsd(figureOf(window, name));
  const priced = count("priced_count");
  return {
    statistics_30d: {
      version: 1,
      executions,
      completed: executions - failed - timeouts,
      failed,
      timeout: timeouts,
      failure_rate: (failed + timeouts) / executions,
      tokens: {
        known: measured,
        ...(measured === 0 ? { total: null } : { total: count("total_tokens") }),
        mean: ratio(count("total_tokens"), measured),
        ...quantilesOf(tokens_sketch),
      },
      tokens_by_kind: measured === 0 ? null : kinds,
      cost_usd: {
        known: priced,
        unpriced: count("unpriced_count"),
        total: usd("cost_usd", priced),
        mean: ratio(count("cost_usd") / PICO_PER_USD, priced),
        ...quantilesOf(cost_sketch),
      },
      execution_time_ms: {
        known: count("timed_count"),
        mean: ratio(count("execution_time_ms"), count("timed_count")),
        ...quantilesOf(time_sketch),
      },
      cache_hit_rate: {
        known: countOf(cache_rate_sketch),
        overall: measured === 0 ? null : ratio(100 * count("cached_tokens"), count("total_tokens")),
        ...quantilesOf(cache_rate_sketch),
      },
    },
    token_drivers: driversOf(kinds, measured),
    cache_patterns: {
      reads: measured === 0 ? null : count("cached_tokens"),
      writes_5m: measured === 0 ? null : count("cache_write_5m_tokens"),
      writes_1h: measured === 0 ? null : count("cache_write_1h_tokens"),
      /** Tokens read from the cache for each one written. */
      reads_per_write: ratio(count("cached_tokens"), writes),
      savings_usd: usd("cache_savings_usd", count("saving_count")),
    },
    optimization_insights: {
      lost_tokens: measured === 0 ? null : count("lost_tokens"),
      lost_cost_usd: usd("lost_cost_usd", priced),
      lost_cost_share: ratio(count("lost_cost_usd"), count("cost_usd")),
      cache_written_never_read: measured > 0 && writes > 0 && count("cached_tokens") === 0,
      unpriced_share: count("unpriced_count") / executions,
    },
    failure_patterns: {
      failed,
      timeout: timeouts,
      by_class: Object.fromEntries(
        [...window.failures].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)),
      ),
    },
  };
}

function kindsOf(window: RollUp): Record<string, number> {
  const of = (name: Figure): number => Number(figureOf(window, name));
  return {
    input: of("input_tokens"),
    output: of("output_tokens"),
    cache_read: of("cached_tokens"),
    cache_write_5m: of("cache_write_5m_tokens"),
    cache_write_1h: of("cache_write_1h_tokens"),
  };
}

/** Which kinds of tokens a pattern's tokens are of. */
function driversOf(kinds: Readonly<Record<string, number>>, measured: number): Record<string, unknown> {
  const total = Object.values(kinds).reduce((sum, tokens) => sum + tokens, 0);
  if (measured === 0 || total === 0) return {};
  const sorted = Object.entries(kinds).toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return {
    largest: sorted[0]?.[0],
    shares: Object.fromEntries(sorted.map(([kind, tokens]) => [kind, tokens / total])),
    mean_per_execution: Object.fromEntries(sorted.map(([kind, tokens]) => [kind, tokens / measured])),
  };
}

function quantilesOf(sketch: Sketch): Record<string, number | null> {
  const values = quantiles(sketch, SHARES);
  return Object.fromEntries(
    SHARES.map((share, index) => [`p${Math.round(share * 100)}`, values[index] ?? null]),
  );
}

function ratio(value: number, by: number): number | null {
  return by === 0 ? null : value / by;
}
