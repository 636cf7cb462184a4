import { parseUsd } from "./usd.ts";

/**
 * List prices of models, versioned. A request is priced by the model that served it, at the rates valid at its time.
 * Changing any figure here means a new `PRICE_VERSION`, so that stored costs say which table they came from.
 */
export const PRICE_VERSION = "2026-11-20.1";

/** Pico-dollars per token: $1 per million tokens is 1,000,000. */
interface Rates {
  readonly input: bigint;
  readonly cacheWrite5m: bigint;
  readonly cacheWrite1h: bigint;
  readonly cacheRead: bigint;
  readonly output: bigint;
}

/** A prompt of more tokens than this (cached ones included) reprices the whole request, output too. */
interface Tier {
  readonly abovePromptTokens: number;
  readonly rates: Rates;
}

export interface PriceRow {
  readonly model: string;
  /** Other names of the same model, written out: nothing is matched by prefix. */
  readonly aliases: readonly string[];
  /** First and last-but-one moment of validity (from inclusive, to exclusive); null is unbounded. */
  readonly validFrom: string | null;
  readonly validTo: string | null;
  readonly rates: Rates;
  /** Rates for long prompts, shortest first. */
  readonly tiers: readonly Tier[];
  /** What `speed: "fast"` multiplies; `unlisted` where no fast price is known, which leaves such a request unpriced. */
  readonly fast: bigint | "ignored" | "unlisted";
  /** Whether clouds charge 10 % more on regional endpoints: Claude 4.5 and every later model. */
  readonly regionalPremium: boolean;
  readonly source: string;
}

/** `inference_geo: "us"` costs a tenth more on every kind of token. Source: data residency, Anthropic price page. */
export const US_INFERENCE_PERCENT = 110n;
/** Regional endpoints of Bedrock and Vertex. Source: third-party platform pricing, Anthropic price page. */
export const REGIONAL_PERCENT = 110n;
/** $10 per 1,000 searches, untouched by speed and region. Source: tool pricing, Anthropic price page. */
export const PICO_PER_WEB_SEARCH = 10_000_000_000n;

const CLI = "charged by Claude Code 2.1.329, 2026-11-19";
const PAGE_2026 = "Anthropic price page, 2026-08-22, and Claude Code 2.1.329";
const PAGE_2025 = "Anthropic price page, 2025";

/** Dollars per million tokens, in the column order of the price page. */
function rates(input: string, write5m: string, write1h: string, read: string, output: string): Rates {
  return {
    input: perMillion(input),
    cacheWrite5m: perMillion(write5m),
    cacheWrite1h: perMillion(write1h),
    cacheRead: perMillion(read),
    output: perMillion(output),
  };
}

function perMillion(usd: string): bigint {
  const pico = parseUsd(usd);
  if (pico === null) throw new TypeError(`not a price: ${usd}`);
  return pico / 1_000_000n;
}

const OPUS_15_75 = rates("15", "18.75", "30", "1.50", "75");
const OPUS_5_25 = rates("5", "6.25", "10", "0.50", "25");
const FABLE_10_50 = rates("10", "12.5", "20", "1", "50");
const SONNET_3_15 = rates("3", "3.75", "6", "0.30", "15");
const SONNET_2_10 = rates("2", "2.5", "4", "0.20", "10");

type Detail = Partial<Omit<PriceRow, "model" | "rates" | "source">>;

function row(model: string, of: Rates, source: string, detail: Detail = {}): PriceRow {
  return {
    model,
    aliases: [],
    validFrom: null,
    validTo: null,
    rates: of,
    tiers: [],
    fast: "unlisted",
    regionalPremium: true,
    source,
    ...detail,
  };
}

const current: readonly PriceRow[] = [
  row("claude-fable-5-2", rates("8", "10", "16", "0.20", "40"), CLI),
  row("claude-fable-5-1", rates("10", "12.5", "20", "0.25", "50"), CLI),
  row("claude-fable-5", FABLE_10_50, CLI),
  row("claude-mythos-5", FABLE_10_50, CLI),
  row("claude-opus-5-5", rates("4", "5", "8", "0.20", "20"), CLI, { fast: 2n }),
  row("claude-opus-5", OPUS_5_25, PAGE_2026, { fast: 2n }),
  row("claude-opus-4-8", OPUS_5_25, PAGE_2026, { fast: 2n }),
  row("claude-opus-4-7", OPUS_5_25, "Anthropic price page, 2026-05; fast $30/$150", { fast: 6n }),
  row("claude-opus-4-6", OPUS_5_25, `${PAGE_2026}; fast $30/$150 while it was offered`, { fast: 6n }),
  row("claude-opus-4-5", OPUS_5_25, PAGE_2026, { aliases: ["claude-opus-4-5-20251101"] }),
  row("claude-sonnet-5-5", rates("2", "2.5", "4", "0.10", "10"), CLI, { fast: "ignored" }),
  row("claude-sonnet-5", SONNET_2_10, PAGE_2026),
  row("claude-sonnet-4-6", SONNET_3_15, PAGE_2026, { aliases: ["claude-sonnet-4-6[1m]"] }),
  row("claude-sonnet-4-5", SONNET_3_15, PAGE_2026, {
    aliases: ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5[1m]"],
  }),
  row("claude-haiku-5-5", rates("0.10", "0.125", "0.20", "0.01", "0.50"), CLI, {
    tiers: [{ abovePromptTokens: 100_000, rates: rates("0.50", "0.625", "1", "0.05", "2.50") }],
  }),
  row("claude-haiku-4-5", rates("1", "1.25", "2", "0.10", "5"), PAGE_2026, {
    aliases: ["claude-haiku-4-5-20251001"],
  }),
];

/** Models before Claude 4.5 cost the same on every endpoint of the clouds. */
function before45(model: string, of: Rates, source: string, detail: Detail): PriceRow {
  return row(model, of, source, { ...detail, regionalPremium: false });
}

const earlier: readonly PriceRow[] = [
  before45("claude-opus-4-1-20250805", OPUS_15_75, PAGE_2025, { aliases: ["claude-opus-4-1"] }),
  before45("claude-opus-4-20250514", OPUS_15_75, PAGE_2025, {
    aliases: ["claude-opus-4", "claude-opus-4-0"],
  }),
  before45("claude-sonnet-4-20250514", SONNET_3_15, PAGE_2025, {
    aliases: ["claude-sonnet-4", "claude-sonnet-4-0"],
    tiers: [{ abovePromptTokens: 200_000, rates: rates("6", "7.5", "12", "0.60", "22.50") }],
  }),
  before45("claude-3-7-sonnet-20250219", SONNET_3_15, PAGE_2025, {
    aliases: ["claude-3-7-sonnet", "claude-3-7-sonnet-latest"],
  }),
  before45("claude-3-5-sonnet-20241022", SONNET_3_15, PAGE_2025, {
    aliases: ["claude-3-5-sonnet", "claude-3-5-sonnet-latest", "claude-3-5-sonnet-20240620"],
  }),
  before45("claude-3-5-haiku-20241022", rates("0.80", "1", "1.60", "0.08", "4"), PAGE_2025, {
    aliases: ["claude-3-5-haiku", "claude-3-5-haiku-latest"],
  }),
  before45("claude-3-opus-20240229", OPUS_15_75, PAGE_2025, {
    aliases: ["claude-3-opus", "claude-3-opus-latest"],
  }),
  before45("claude-3-haiku-20240307", rates("0.25", "0.30", "0.50", "0.03", "1.25"), PAGE_2025, {
    aliases: ["claude-3-haiku"],
  }),
];

export const PRICES: readonly PriceRow[] = [...current, ...earlier];
