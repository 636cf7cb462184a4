import { expect, it } from "vitest";
import {
  DIFFERING_MIN,
  PERCENT_MIN,
  priceDrift,
} from "../../../../../functions/insights/findings/rules/price-drift.ts";
import type { PriceComparison } from "../../../../../shared/insight-cells.ts";
import { makeFacts, usd } from "../make-facts.ts";

function find(partial: Partial<PriceComparison> = {}) {
  const price: PriceComparison = {
    model: "claude-opus-4-8",
    agentVersion: "2.1.240",
    compared: 40,
    reportedPico: usd(9),
    computedPico: usd(10),
    differing: 30,
    ...partial,
  };
  return priceDrift.find(makeFacts({ prices: [price] }));
}

it("finds agents that report other costs than the table computes, and promises no money", () => {
  expect(find()[0]).toMatchObject({
    subject: { model: "claude-opus-4-8", agent_version: "2.1.240" },
    savingPico: null,
    confidence: { level: "high" },
    evidence: { reported_usd: "9", computed_usd: "10", difference_usd: "-1", difference_percent: "-10 %" },
  });
});

it("wants five executions and one of twenty", () => {
  expect(find({ differing: DIFFERING_MIN - 1 })).toEqual([]);
  expect(find({ differing: DIFFERING_MIN, compared: (DIFFERING_MIN * 100) / PERCENT_MIN })).toHaveLength(1);
  expect(find({ differing: DIFFERING_MIN, compared: (DIFFERING_MIN * 100) / PERCENT_MIN + 1 })).toEqual([]);
});

it("is silent when all agree, whatever the sums", () => {
  expect(find({ differing: 0, reportedPico: usd(10) })).toEqual([]);
});
