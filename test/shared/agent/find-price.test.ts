import { describe, expect, it } from "vitest";
import { findPrice, priceFinder } from "../../../shared/agent/find-price.ts";
import { PRICES, type PriceRow } from "../../../shared/agent/prices.ts";

const NOW = "2026-11-20T09:00:00Z";
const row = (model: string, at = NOW): PriceRow | undefined => findPrice(model, at) ?? undefined;

describe("findPrice", () => {
  it.each([
    ["claude-fable-5-2", [8_000_000n, 10_000_000n, 16_000_000n, 200_000n, 40_000_000n]],
    ["claude-fable-5-1", [10_000_000n, 12_500_000n, 20_000_000n, 250_000n, 50_000_000n]],
    ["claude-fable-5", [10_000_000n, 12_500_000n, 20_000_000n, 1_000_000n, 50_000_000n]],
    ["claude-mythos-5", [10_000_000n, 12_500_000n, 20_000_000n, 1_000_000n, 50_000_000n]],
    ["claude-opus-5-5", [4_000_000n, 5_000_000n, 8_000_000n, 200_000n, 20_000_000n]],
    ["claude-opus-5", [5_000_000n, 6_250_000n, 10_000_000n, 500_000n, 25_000_000n]],
    ["claude-opus-4-8", [5_000_000n, 6_250_000n, 10_000_000n, 500_000n, 25_000_000n]],
    ["claude-opus-4-6", [5_000_000n, 6_250_000n, 10_000_000n, 500_000n, 25_000_000n]],
    ["claude-opus-4-5-20251101", [5_000_000n, 6_250_000n, 10_000_000n, 500_000n, 25_000_000n]],
    ["claude-sonnet-5-5", [2_000_000n, 2_500_000n, 4_000_000n, 100_000n, 10_000_000n]],
    ["claude-sonnet-5", [2_000_000n, 2_500_000n, 4_000_000n, 200_000n, 10_000_000n]],
    ["claude-sonnet-4-6", [3_000_000n, 3_750_000n, 6_000_000n, 300_000n, 15_000_000n]],
    ["claude-sonnet-4-5[1m]", [3_000_000n, 3_750_000n, 6_000_000n, 300_000n, 15_000_000n]],
    ["claude-haiku-5-5", [100_000n, 125_000n, 200_000n, 10_000n, 500_000n]],
    ["claude-haiku-4-5-20251001", [1_000_000n, 1_250_000n, 2_000_000n, 100_000n, 5_000_000n]],
    ["claude-opus-4-1-20250805", [15_000_000n, 18_750_000n, 30_000_000n, 1_500_000n, 75_000_000n]],
    ["claude-sonnet-4", [3_000_000n, 3_750_000n, 6_000_000n, 300_000n, 15_000_000n]],
    ["claude-3-5-haiku-20241022", [800_000n, 1_000_000n, 1_600_000n, 80_000n, 4_000_000n]],
  ])("knows the five rates of %s in pico-dollars per token", (model, expected) => {
    const rates = row(model)?.rates;
    expect(
      rates && [rates.input, rates.cacheWrite5m, rates.cacheWrite1h, rates.cacheRead, rates.output],
    ).toEqual(expected);
  });

  it.each([
    "claude-sonnet-5-5-foo",
    "claude-sonnet-5-55",
    "claude-sonnet-5-5 ",
    "Claude-Sonnet-5-5",
    "my-claude-sonnet-5-5",
    "claude-opus-5-5[1m]",
    "claude-sonnet-4-5-20990101",
    "<synthetic>",
    "opus",
    "sonnet",
    "default",
    "gpt-5",
    "",
    "constructor",
    "__proto__",
  ])("has no price for %j, because it is neither a model of the table nor a written-out alias", (model) => {
    expect(findPrice(model, NOW)).toBeNull();
  });

  it("prices a request at the rates that were valid at its time", () => {
    const base = PRICES[0]!;
    const rates = { ...base.rates, cacheRead: 7n };
    const find = priceFinder([
      { ...base, model: "m", validFrom: null, validTo: "2026-10-07T00:00:00Z" },
      { ...base, model: "m", rates, validFrom: "2026-10-07T00:00:00Z", validTo: null },
    ]);
    expect(find("m", "2026-10-06T23:59:59.999Z")?.rates.cacheRead).toBe(base.rates.cacheRead);
    expect(find("m", "2026-10-07T01:59:59+02:00")?.rates.cacheRead).toBe(base.rates.cacheRead);
    expect(find("m", "2026-10-07T00:00:00Z")?.rates.cacheRead).toBe(7n);
  });

  it("has no price between two periods, nor for a moment it cannot read", () => {
    const base = PRICES[0]!;
    const find = priceFinder([
      { ...base, model: "m", validFrom: null, validTo: "2026-01-01T00:00:00Z" },
      { ...base, model: "m", validFrom: "2026-02-01T00:00:00Z", validTo: null },
    ]);
    expect(find("m", "2025-12-31T00:00:00Z")).not.toBeNull();
    expect(find("m", "2026-01-15T00:00:00Z")).toBeNull();
    expect(find("m", "2026-02-01T00:00:00Z")).not.toBeNull();
    expect(find("m", "some day")).toBeNull();
  });

  it("reads Bedrock names: list price on the global profile, a tenth more on a regional one since Claude 4.5", () => {
    expect(findPrice("global.anthropic.claude-sonnet-4-5-20250929-v1:0", NOW)?.platformPercent).toBe(100n);
    expect(findPrice("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", NOW)?.platformPercent).toBe(110n);
    expect(findPrice("us.anthropic.claude-opus-5-5-v1", NOW)?.platformPercent).toBe(110n);
    expect(findPrice("us.anthropic.claude-sonnet-4-20250514-v1:0", NOW)?.platformPercent).toBe(100n);
    expect(findPrice("anthropic.claude-3-5-haiku-20241022-v1:0", NOW)?.platformPercent).toBe(100n);
  });

  it("reads Vertex names only where the endpoint makes no difference to the price", () => {
    expect(findPrice("claude-sonnet-4@20250514", NOW)?.model).toBe("claude-sonnet-4-20250514");
    expect(findPrice("claude-sonnet-4-5@20250929", NOW)).toBeNull();
  });

  it.each([
    "mars.anthropic.claude-opus-5-5-v1:0",
    "anthropic.claude-opus-5-5-v1:0-extra",
    "x-anthropic.claude-opus-5-5-v1:0",
    "anthropic.claude-opus-5-6-v1:0",
    "claude-sonnet-4@2025051",
    "claude-sonnet-4@20250514x",
  ])("does not stretch the platform forms to %j", (model) => {
    expect(findPrice(model, NOW)).toBeNull();
  });
});

describe("the price table", () => {
  it("gives every name one price at a time", () => {
    for (const name of new Set(PRICES.flatMap((price) => [price.model, ...price.aliases]))) {
      const periods = PRICES.filter((price) => price.model === name || price.aliases.includes(name))
        .map((price) => [price.validFrom ?? "", price.validTo ?? "9999"] as const)
        .sort(([a], [b]) => a.localeCompare(b));
      const overlaps = periods.slice(1).filter(([from], index) => from < periods[index]![1]);
      expect({ name, overlaps }).toEqual({ name, overlaps: [] });
    }
  });

  it("has positive rates that percentages divide exactly, and names a source for each row", () => {
    const wrong = PRICES.filter((price) => {
      const rates = [price.rates, ...price.tiers.map((tier) => tier.rates)].flatMap((of) =>
        Object.values(of),
      );
      return price.source === "" || rates.some((rate) => rate <= 0n || rate % 100n !== 0n);
    });
    expect(wrong).toEqual([]);
  });
});
