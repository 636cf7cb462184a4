import { findPrice, type FindPrice, type Price } from "./find-price.ts";
import { PICO_PER_WEB_SEARCH, US_INFERENCE_PERCENT } from "./prices.ts";
import { promptTokens, type Usage } from "./usage.ts";

/** What one model request is billed by. A request, not a run: tiers look at the size of a single prompt. */
export interface BilledRequest {
  readonly model: string;
  readonly timestamp: string;
  readonly usage: Readonly<Usage>;
  readonly speed?: "standard" | "fast" | undefined;
  readonly inference_geo?: string | undefined;
  readonly web_search_requests?: number | undefined;
}

/** Amounts in pico-dollars. */
export interface RequestCost {
  /** Everything: the five kinds of tokens at their rates, and web searches. */
  readonly costPico: bigint;
  /** The cost without its cache-read part. */
  readonly freshPico: bigint;
  /**
   * What the same request would have cost with no caching at all (each prompt token at the input rate of the tier)
   * minus what it did cost. Negative when cache writes were dearer than the reads they served.
   */
  readonly savingsPico: bigint;
}

const NO_COST: RequestCost = { costPico: 0n, freshPico: 0n, savingsPico: 0n };

/**
 * The list-price cost of one request; null when the table has no price for it, which is never the same as free.
 * cost = (Σ tokens of a kind × its rate) × speed × region × platform + searches × search price.
 * @throws RangeError when a token count is not a whole number.
 */
export function costOfRequest(request: BilledRequest, find: FindPrice = findPrice): RequestCost | null {
  const price = find(request.model, request.timestamp);
  if (price === null) return null;
  const factor = priceFactor(price, request);
  if (factor === null) return null;

  const { usage } = request;
  const prompt = promptTokens(usage);
  const rates = price.tiers.findLast((tier) => prompt > tier.abovePromptTokens)?.rates ?? price.rates;

  const output = BigInt(usage.output_tokens) * rates.output;
  const read = BigInt(usage.cache_read_tokens) * rates.cacheRead;
  const fresh =
    BigInt(usage.input_tokens) * rates.input +
    BigInt(usage.cache_write_5m_tokens) * rates.cacheWrite5m +
    BigInt(usage.cache_write_1h_tokens) * rates.cacheWrite1h +
    output;
  const uncached = BigInt(prompt) * rates.input + output;

  const searches = BigInt(request.web_search_requests ?? 0) * PICO_PER_WEB_SEARCH;
  const scaledRead = scale(read, factor);
  const freshPico = scale(fresh, factor) + searches;
  const costPico = freshPico + scaledRead;
  return { costPico, freshPico, savingsPico: scale(uncached, factor) + searches - costPico };
}

/**
 * The cost of several requests; null as soon as one of them has no price, because a part of a sum would pass for the
 * whole. An empty list costs nothing.
 */
export function costOfRequests(
  requests: readonly BilledRequest[],
  find: FindPrice = findPrice,
): RequestCost | null {
  let total: RequestCost | null = null;
  for (const request of requests) {
    const cost = costOfRequest(request, find);
    if (cost === null) return null;
    total =
      total === null
        ? cost
        : {
            costPico: total.costPico + cost.costPico,
            freshPico: total.freshPico + cost.freshPico,
            savingsPico: total.savingsPico + cost.savingsPico,
          };
  }
  return total ?? NO_COST;
}

/** Ten-thousandths of the list price, so that two percentages and a multiplier stay whole numbers. */
const WHOLE = 10_000n;

function priceFactor(price: Price, request: BilledRequest): bigint | null {
  const speed = request.speed === "fast" ? price.fast : 1n;
  if (speed === "unlisted") return null;
  const geo = request.inference_geo === "us" ? US_INFERENCE_PERCENT : 100n;
  return (speed === "ignored" ? 1n : speed) * geo * price.platformPercent;
}

/** Exact while rates are multiples of 100 pico-dollars, which the tests require of every row. */
function scale(amount: bigint, factor: bigint): bigint {
  return factor === WHOLE ? amount : (amount * factor) / WHOLE;
}
