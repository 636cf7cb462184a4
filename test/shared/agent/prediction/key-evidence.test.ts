import { expect, it } from "vitest";
import {
  decodeSummaries,
  encodeSummaries,
  noSummaries,
  putSummaries,
  summariesOf,
} from "../../../../shared/agent/prediction/key-evidence.ts";
import { QUANTITIES, type Quantity } from "../../../../shared/agent/prediction/quantity.ts";
import { settingsOf } from "../../../../shared/agent/prediction/settings.ts";

const makeSummaries = (quantity: Quantity, from: number) =>
  settingsOf(quantity).map((_, index) => ({
    count: 7,
    weight: from + index + 0.1,
    mean: -Math.PI * (from + index),
    variance: 1e-17 + index,
    lastAt: 1_790_000_000_123,
  }));

it("keeps every quantity's summaries to the last bit", () => {
  const all = noSummaries();
  for (const [index, quantity] of QUANTITIES.entries())
    putSummaries(all, quantity, makeSummaries(quantity, index));

  const again = decodeSummaries(Buffer.from(encodeSummaries(all)));

  for (const [index, quantity] of QUANTITIES.entries())
    expect(summariesOf(again, quantity)).toEqual(makeSummaries(quantity, index));
});

it("tells what nobody told from zero", () => {
  const all = noSummaries();
  putSummaries(all, "duration_ms", makeSummaries("duration_ms", 3));

  for (const quantity of QUANTITIES)
    expect(summariesOf(all, quantity) === undefined).toBe(quantity !== "duration_ms");
});

it("does not read what was encoded otherwise", () => {
  expect(() => decodeSummaries(Buffer.alloc(8))).toThrow(RangeError);
});
