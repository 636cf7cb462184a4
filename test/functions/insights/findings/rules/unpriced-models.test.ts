import { expect, it } from "vitest";
import { unpricedModels } from "../../../../../functions/insights/findings/rules/unpriced-models.ts";
import { makeCell, makeFacts, usd } from "../make-facts.ts";

it("counts what has tokens and no price, by model over all work, and promises no money", () => {
  const cells = [
    makeCell({ model: "preview", unpriced: 3, unpricedTokens: 700, priced: 0, costPico: 0n }),
    makeCell({
      model: "preview",
      commandBase: "/plan",
      unpriced: 2,
      unpricedTokens: 300,
      unpricedReported: 2,
      unpricedReportedPico: usd(0.5),
    }),
    makeCell(),
  ];
  const found = unpricedModels.find(makeFacts({ cells }));
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    subject: { model: "preview" },
    savingPico: null,
    evidence: { executions: 5, tokens: 1_000, reported_by: 2, reported_usd: "0.5" },
    scope: { commands: ["/fix", "/plan"] },
  });
});

it("keeps a reported cost unknown when nobody reported one", () => {
  const cells = [makeCell({ model: null, unpriced: 1, unpricedTokens: 5 })];
  expect(unpricedModels.find(makeFacts({ cells }))[0]).toMatchObject({
    subject: { model: null },
    evidence: { executions: 1, reported_usd: null },
  });
});

it("is silent when everything with tokens has a price", () => {
  expect(unpricedModels.find(makeFacts({ cells: [makeCell()] }))).toEqual([]);
  expect(unpricedModels.find(makeFacts())).toEqual([]);
});
