import { findPrice } from "../find-price.ts";

/**
 * Shares of the kinds of tokens in an agent's sessions: most of it is read from the cache again and again.
 * Source: sessions of public repositories, aggregated.
 */
const SHARES = { input: 0.0002, cacheWrite5m: 0.035, cacheRead: 0.963, output: 0.0018 };

/**
 * The logarithm of what a million tokens of a usual mix cost with a model, in USD, or null when the model has no price at
 * that moment (RFC 3339). Known before a run, and what sessions of different models differ by most.
 */
export function logModelPrice(model: string, timestamp: string): number | null {
  const price = findPrice(model, timestamp);
  if (price === null) return null;
  const { rates } = price;
  const picoPerToken =
    Number(rates.input) * SHARES.input +
    Number(rates.cacheWrite5m) * SHARES.cacheWrite5m +
    Number(rates.cacheRead) * SHARES.cacheRead +
    Number(rates.output) * SHARES.output;
  const factor = Number(price.platformPercent) / 100;
  return picoPerToken > 0 ? Math.log((picoPerToken * factor) / 1e6) : null;
}
