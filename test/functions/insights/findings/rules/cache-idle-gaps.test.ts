import { expect, it } from "vitest";
import {
  cacheIdleGaps,
  GAPS_MIN,
  REQUESTS_MIN,
} from "../../../../../functions/insights/findings/rules/cache-idle-gaps.ts";
import type { IdleGaps } from "../../../../../shared/postgres/insight-requests.ts";
import { makeFacts, usd } from "../make-facts.ts";

/** claude-opus-5-5: writes at $5 (five minutes) and $8 (an hour), reads at $0.20 a million. */
function makeGaps(partial: Partial<IdleGaps> = {}): IdleGaps {
  return {
    repository: "acme/shop",
    model: "claude-opus-5-5",
    lifetime: "5m",
    sessions: 10,
    requests: 500,
    gaps: 20,
    writeTokens: 4_000_000,
    rewrittenTokens: 2_000_000,
    servedTokens: 0,
    executionModels: ["claude-opus-5-5"],
    ...partial,
  };
}
const find = (...gaps: IdleGaps[]) => cacheIdleGaps.find(makeFacts({ requests: { gaps, long: [] } }));

it("advises an hour where what is written again costs more than dearer writes would", () => {
  const [found] = find(makeGaps());
  // 2 M × ($5.00 − $0.20) − 2 M × ($8 − $5)
  expect(found).toMatchObject({
    subject: { repository: "acme/shop", model: "claude-opus-5-5", lifetime: "5m" },
    savingPico: usd(9.6 - 6),
    confidence: { level: "medium" },
    evidence: { saved_by_change_usd: "9.6", cost_of_change_usd: "6", tokens_written_again: 2_000_000 },
  });
});

it("turns around at the break-even: L ÷ W = (w1 − w5) ÷ (w1 − r)", () => {
  // 3 ÷ 7.8: of 7.8 M written tokens 3 M again.
  const even = { writeTokens: 7_800_000, rewrittenTokens: 3_000_000 };
  expect(find(makeGaps(even))).toEqual([]);
  expect(find(makeGaps({ ...even, rewrittenTokens: 2_999_999 }))).toEqual([]);
  // The least saving is ten cents: 0.1 ÷ $7.80 a million tokens.
  expect(find(makeGaps({ ...even, rewrittenTokens: 3_012_820 }))).toEqual([]);
  expect(find(makeGaps({ ...even, rewrittenTokens: 3_012_821 }))).toHaveLength(1);
});

it("does not advise from fewer waits than the least", () => {
  expect(find(makeGaps({ gaps: GAPS_MIN - 1 }))).toEqual([]);
  expect(find(makeGaps({ gaps: GAPS_MIN }))).toHaveLength(1);
});

it("advises five minutes where an hour is paid for and waits are few", () => {
  const long = {
    lifetime: "1h",
    rewrittenTokens: 0,
    servedTokens: 1_000_000,
    requests: REQUESTS_MIN,
  } as const;
  const [found] = find(makeGaps(long));
  // 4 M × $3 − 1 M × $4.80
  expect(found).toMatchObject({ subject: { lifetime: "1h" }, savingPico: usd(7.2) });
  expect(find(makeGaps({ ...long, servedTokens: 2_500_000 }))).toEqual([]);
  expect(find(makeGaps({ ...long, requests: REQUESTS_MIN - 1 }))).toEqual([]);
});

it("says nothing about a model without a price", () => {
  expect(find(makeGaps({ model: "harbor-preview" }))).toEqual([]);
});

it("measures nothing wasted after the lifetime was changed, over the requests made since", () => {
  const subject = { repository: "acme/shop", model: "claude-opus-5-5", lifetime: "5m" };
  const before = makeFacts({ requests: { gaps: [makeGaps()], long: [] } });
  expect(cacheIdleGaps.measure(before, subject)).toEqual({
    costPico: usd(3.6),
    units: 500,
    unit: "request",
  });
  const changed = makeGaps({ lifetime: "1h", requests: 300 });
  const after = makeFacts({ requests: { gaps: [changed], long: [] } });
  expect(cacheIdleGaps.measure(after, subject)).toEqual({ costPico: 0n, units: 300, unit: "request" });
  expect(cacheIdleGaps.measure(makeFacts(), subject)).toBeNull();
});
