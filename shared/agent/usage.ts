/**
 * Tokens of model requests by kind. The kinds are kept apart because each has a price of its own;
 * they never overlap: `input_tokens` are the uncached ones, a cached prompt token is counted only where it was read
 * or written. Names follow the Anthropic Messages API, with its cache writes split by lifetime.
 */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
}

export const NO_USAGE: Readonly<Usage> = Object.freeze({
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
});

export function addUsage(a: Readonly<Usage>, b: Readonly<Usage>): Usage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    cache_read_tokens: a.cache_read_tokens + b.cache_read_tokens,
    cache_write_5m_tokens: a.cache_write_5m_tokens + b.cache_write_5m_tokens,
    cache_write_1h_tokens: a.cache_write_1h_tokens + b.cache_write_1h_tokens,
  };
}

/** Tokens the model had to read: what price tiers by prompt size look at. */
export function promptTokens(usage: Readonly<Usage>): number {
  return (
    usage.input_tokens + usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
  );
}

export function totalTokens(usage: Readonly<Usage>): number {
  return promptTokens(usage) + usage.output_tokens;
}

export function sameUsage(a: Readonly<Usage>, b: Readonly<Usage>): boolean {
  return (
    a.input_tokens === b.input_tokens &&
    a.output_tokens === b.output_tokens &&
    a.cache_read_tokens === b.cache_read_tokens &&
    a.cache_write_5m_tokens === b.cache_write_5m_tokens &&
    a.cache_write_1h_tokens === b.cache_write_1h_tokens
  );
}
