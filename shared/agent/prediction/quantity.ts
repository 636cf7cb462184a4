/** What is predicted of a run besides its failure. Costs are USD, times milliseconds. */
export const QUANTITIES = [
  "cost_usd",
  "input_tokens",
  "output_tokens",
  "cache_write_tokens",
  "cache_read_tokens",
  "total_tokens",
  "duration_ms",
] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** One thing for each quantity. */
export function mapQuantities<T>(of: (quantity: Quantity) => T): Record<Quantity, T> {
  return {
    cost_usd: of("cost_usd"),
    input_tokens: of("input_tokens"),
    output_tokens: of("output_tokens"),
    cache_write_tokens: of("cache_write_tokens"),
    cache_read_tokens: of("cache_read_tokens"),
    total_tokens: of("total_tokens"),
    duration_ms: of("duration_ms"),
  };
}

/** Less than any run that reached a model has cost; keeps a run that cost nothing from standing for infinitely little. */
const COST_MIN_USD = 1e-4;

/** The scale that predictions are made on: sizes of runs differ by factors, not by amounts. Counts may be zero. */
export function toLog(quantity: Quantity, value: number): number {
  return quantity === "cost_usd" ? Math.log(Math.max(value, COST_MIN_USD)) : Math.log1p(Math.max(value, 0));
}

export function fromLog(quantity: Quantity, log: number): number {
  return quantity === "cost_usd" ? Math.exp(log) : Math.max(0, Math.expm1(log));
}
