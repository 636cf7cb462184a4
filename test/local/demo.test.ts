import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateDemo } from "../../local/demo.ts";
import { costOfRequests } from "../../shared/agent/cost.ts";
import { executionInput, type Execution } from "../../shared/agent/execution.ts";
import { promptTokens } from "../../shared/agent/usage.ts";

const NOW = new Date("2026-11-20T15:30:00Z");
const demo = (seed = "demo", now = NOW): Execution[] =>
  [...generateDemo({ seed, now, weeks: 5 })].map((input) => executionInput.parse(input));
const requestsOf = (executions: readonly Execution[]) => executions.flatMap(({ requests }) => requests ?? []);

const costOf = ({ requests }: Execution): bigint | null => costOfRequests(requests ?? [])?.costPico ?? null;

describe("the demo data", () => {
  const executions = demo();

  it("is the same for the same seed and moment, and shares no id with another seed", () => {
    expect(demo()).toEqual(executions);
    const ids = new Set(executions.map(({ id }) => id));
    expect(demo("another").filter(({ id }) => ids.has(id))).toEqual([]);
  });

  it("gives no id twice, to executions or to requests", () => {
    expect(new Set(executions.map(({ id }) => id)).size).toBe(executions.length);
    const requests = requestsOf(executions);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(requests.length);
  });

  it("is valid for every seed and moment, of the promised size, and never from the future", () => {
    const moment = fc.date({
      min: new Date("2025-06-01T00:00:00Z"),
      max: new Date("2027-06-01T00:00:00Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(fc.string(), moment, (seed, now) => {
        const made = demo(seed, now);
        expect(made.length).toBeGreaterThan(1_500);
        expect(made.length).toBeLessThan(3_000);
        for (const each of [...made, ...requestsOf(made)])
          expect(Date.parse(each.timestamp)).toBeLessThanOrEqual(now.getTime());
      }),
      { numRuns: 8 },
    );
  });

  it("later changes nothing of what had ended, and ends what was still running", () => {
    const running = executions.findLast((each) => (each.execution_time_ms ?? 0) > 60_000);
    const middle = Date.parse(running?.timestamp ?? "") + 30_000;
    const before = demo("demo", new Date(middle));
    const after = new Map(demo("demo", new Date(middle + 5 * 3_600_000)).map((each) => [each.id, each]));
    const changed = before.filter((each) => JSON.stringify(after.get(each.id)) !== JSON.stringify(each));
    expect(changed.map(({ id }) => id)).toContain(running?.id);
    for (const each of changed) {
      const requests = each.requests ?? [];
      expect(each).toMatchObject({ status: "pending" });
      expect(after.get(each.id)).toMatchObject({ command: each.command, timestamp: each.timestamp });
      expect(after.get(each.id)?.requests?.slice(0, requests.length) ?? []).toEqual(requests);
    }
    expect(after.size).toBeGreaterThan(before.length);
  });

  it("has every status, people, batches and pull requests, and a model without a price", () => {
    const count = (test: (execution: Execution) => boolean): number => executions.filter(test).length;
    for (const status of ["pending", "failed", "timeout"])
      expect(count((each) => each.status === status)).toBeGreaterThan(3);
    expect(count((each) => each.status === "completed")).toBeGreaterThan(executions.length * 0.85);
    expect(count((each) => each.batch_id !== undefined && each.execution_sequence === 1)).toBeGreaterThan(50);
    expect(count((each) => each.workspace?.pull_request !== undefined)).toBeGreaterThan(50);
    expect(count((each) => each.requests === undefined && each.usage !== undefined)).toBeGreaterThan(10);
    expect(count((each) => costOf(each) === null)).toBeGreaterThan(3);
    expect(new Set(executions.map((each) => each.workspace?.repository)).size).toBe(5);
    expect(new Set(executions.map((each) => each.session?.["developer"])).size).toBe(8);
  });

  it("has prompts that are mostly read from the cache, and small-model requests on both sides of the price jump", () => {
    const requests = requestsOf(executions);
    const read = requests.reduce((sum, { usage }) => sum + usage.cache_read_tokens, 0);
    const rate = read / requests.reduce((sum, { usage }) => sum + promptTokens(usage), 0);
    expect(rate).toBeGreaterThan(0.8);
    expect(rate).toBeLessThan(0.98);
    const small = requests.filter(({ model }) => model === "claude-haiku-5-5");
    const over = small.filter(({ usage }) => promptTokens(usage) > 100_000);
    expect(over.length).toBeGreaterThan(50);
    expect(over.length).toBeLessThan(small.length / 2);
  });

  it("works on weekdays and rests on weekends", () => {
    const ofPeople = executions.filter((each) => each.session?.["developer"] !== undefined);
    const onWeekends = ofPeople.filter(({ timestamp }) => [0, 6].includes(new Date(timestamp).getUTCDay()));
    expect(onWeekends.length).toBeGreaterThan(0);
    expect(onWeekends.length).toBeLessThan(ofPeople.length / 15);
  });

  it("reports costs that are near the list price and not always equal to it", () => {
    const ratios = executions.flatMap((each) => {
      const cost = costOf(each);
      const reported = each.reported_cost_usd ?? null;
      return cost === null || cost === 0n || reported === null ? [] : [reported / (Number(cost) / 1e12)];
    });
    expect(ratios.length).toBeGreaterThan(1_500);
    expect(Math.min(...ratios)).toBeGreaterThan(0.6);
    expect(Math.max(...ratios)).toBeLessThan(1.2);
    expect(ratios.filter((ratio) => Math.abs(ratio - 1) > 0.01).length).toBeGreaterThan(30);
  });
});
