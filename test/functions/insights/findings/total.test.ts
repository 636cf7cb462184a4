import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Finding } from "../../../../functions/insights/findings/finding.ts";
import type { Confidence, Scope } from "../../../../functions/insights/findings/rule.ts";
import { mayOverlap, totalOf } from "../../../../functions/insights/findings/total.ts";
import { exactUsd } from "../../../../functions/insights/findings/amounts.ts";

function makeScoped(
  id: string,
  usdPerMonth: string | null,
  scope: Scope,
  level: Confidence["level"] = "medium",
): { finding: Finding; scope: Scope } {
  return {
    finding: {
      id,
      rule: "no_result",
      title: id,
      advice: "",
      confidence: { level, because: "" },
      usd_per_month: usdPerMonth,
      computed: { how: "", usd_observed: usdPerMonth, days_observed: 30, scaled_to_month: true },
      affected: { commands: [], patterns: [], repositories: [], models: [] },
      evidence: {},
    },
    scope,
  };
}

it("leaves out what may speak of the same executions as something larger", () => {
  const { pico, counted, byConfidence } = totalOf([
    makeScoped("a", "10", { repositories: ["shop"] }),
    makeScoped("b", "4", { repositories: ["shop"], models: ["opus"] }),
    makeScoped("c", "3", { repositories: ["web"] }),
    makeScoped("d", "2", { models: ["opus"] }),
    makeScoped("e", null, { repositories: ["mobile"] }),
  ]);
  expect([...counted]).toEqual(["a", "c"]);
  expect(exactUsd(pico ?? 0n)).toBe("13");
  expect(byConfidence).toEqual({ high: null, medium: pico, low: null });
});

it("does not let something larger and less sure take the place of what is sure", () => {
  const { counted, byConfidence } = totalOf([
    makeScoped("a", "10", { repositories: ["shop"] }, "low"),
    makeScoped("b", "4", { repositories: ["shop"], models: ["opus"] }, "high"),
  ]);
  expect([...counted]).toEqual(["b"]);
  expect(byConfidence).toEqual({ high: 4_000_000_000_000n, medium: null, low: null });
});

it("knows no total when no amount is known", () => {
  expect(totalOf([makeScoped("a", null, {})]).pico).toBeNull();
  expect(totalOf([]).pico).toBeNull();
});

it("takes scopes apart only by a dimension that both name", () => {
  expect(mayOverlap({ outcomes: ["lost"] }, { outcomes: ["completed"] })).toBe(false);
  expect(mayOverlap({ outcomes: ["lost"] }, { models: ["opus"] })).toBe(true);
  expect(mayOverlap({ repositories: [null] }, { repositories: ["shop"] })).toBe(false);
  expect(mayOverlap({ commands: ["a"], tasks: ["a fix"] }, { commands: ["a"], tasks: ["a test"] })).toBe(
    false,
  );
});

it("never promises more than an execution costs, however findings overlap", () => {
  const dimension = fc.subarray(["x", "y", "z"], { minLength: 1 });
  const scope: fc.Arbitrary<Scope> = fc.record(
    { repositories: dimension, models: dimension, commands: dimension },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(scope, { maxLength: 12 }), (scopes) => {
      const { counted } = totalOf(scopes.map((one, index) => makeScoped(String(index), "1", one)));
      for (const repository of ["x", "y", "z"])
        for (const model of ["x", "y", "z"])
          for (const command of ["x", "y", "z"]) {
            const speaking = scopes.filter(
              (one, index) =>
                counted.has(String(index)) &&
                (one.repositories?.includes(repository) ?? true) &&
                (one.models?.includes(model) ?? true) &&
                (one.commands?.includes(command) ?? true),
            );
            expect(speaking.length).toBeLessThanOrEqual(1);
          }
    }),
  );
});
