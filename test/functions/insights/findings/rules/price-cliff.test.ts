import { expect, it } from "vitest";
import {
  LONG_REQUESTS_MIN,
  priceCliff,
} from "../../../../../functions/insights/findings/rules/price-cliff.ts";
import { NO_USAGE } from "../../../../../shared/agent/usage.ts";
import type { LongRequests } from "../../../../../shared/postgres/insight-requests.ts";
import { makeFacts, usd } from "../make-facts.ts";

function makeLong(partial: Partial<LongRequests> = {}): LongRequests {
  return {
    model: "claude-haiku-5-5",
    speed: "standard",
    inferenceGeo: null,
    isLong: true,
    requests: 10,
    usage: { ...NO_USAGE, input_tokens: 1_000_000, output_tokens: 100_000 },
    repositories: ["acme/shop"],
    executionModels: ["claude-haiku-5-5"],
    ...partial,
  };
}
const find = (...long: LongRequests[]) => priceCliff.find(makeFacts({ requests: { gaps: [], long } }));

it("finds requests above the size from which the whole request is dearer, output too", () => {
  const [found] = find(makeLong(), makeLong({ isLong: false, requests: 30 }));
  // Input $0.50 instead of $0.10 a million, output $2.50 instead of $0.50.
  expect(found).toMatchObject({
    subject: { model: "claude-haiku-5-5" },
    savingPico: usd(0.4 + 0.2),
    evidence: { requests_above: 10, requests_examined: 40, prompt_tokens_limit: 100_000 },
    scope: { repositories: ["acme/shop"] },
  });
});

it("bills regions as they were billed", () => {
  expect(find(makeLong({ inferenceGeo: "us" }))[0]?.savingPico).toBe(usd(0.66));
});

it("is silent one request below the least, and speaks at it", () => {
  expect(find(makeLong({ requests: LONG_REQUESTS_MIN - 1 }))).toEqual([]);
  expect(find(makeLong({ requests: LONG_REQUESTS_MIN }))).toHaveLength(1);
});

it("is silent about short requests, and about models with one price for every size", () => {
  expect(find(makeLong({ isLong: false }))).toEqual([]);
  expect(find(makeLong({ model: "claude-opus-5-5" }))).toEqual([]);
});

it("measures the surcharge over all requests to the model", () => {
  const facts = makeFacts({ requests: { gaps: [], long: [makeLong({ isLong: false, requests: 30 })] } });
  const subject = { model: "claude-haiku-5-5" };
  expect(priceCliff.measure(facts, subject)).toEqual({ costPico: 0n, units: 30, unit: "request" });
  expect(priceCliff.measure(makeFacts(), subject)).toBeNull();
});
