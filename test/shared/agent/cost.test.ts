import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costOfRequest, costOfRequests, type BilledRequest } from "../../../shared/agent/cost.ts";
import { PRICES } from "../../../shared/agent/prices.ts";
import { NO_USAGE, type Usage } from "../../../shared/agent/usage.ts";
import { formatUsd, parseUsd } from "../../../shared/agent/usd.ts";

const NOW = "2026-11-20T09:00:00Z";

function makeRequest(model: string, usage: Partial<Usage>, more: Partial<BilledRequest> = {}): BilledRequest {
  return { model, timestamp: NOW, usage: { ...NO_USAGE, ...usage }, ...more };
}

const usd = (request: BilledRequest): string | null => {
  const cost = costOfRequest(request);
  return cost === null ? null : formatUsd(cost.costPico);
};

const haiku = (usage: Partial<Usage>) => usd(makeRequest("claude-haiku-5-5", usage));
const fast = (model: string) =>
  usd(makeRequest(model, { input_tokens: 1_000, cache_read_tokens: 10 }, { speed: "fast" }));

describe("costOfRequest", () => {
  it("charges each kind of token at its own rate", () => {
    const cost = costOfRequest(
      makeRequest("claude-opus-5-5", {
        input_tokens: 3,
        output_tokens: 5,
        cache_read_tokens: 7,
        cache_write_5m_tokens: 11,
        cache_write_1h_tokens: 13,
      }),
    );
    const fresh = 3n * 4_000_000n + 5n * 20_000_000n + 11n * 5_000_000n + 13n * 8_000_000n;
    expect(cost).toEqual({
      costPico: fresh + 7n * 200_000n,
      freshPico: fresh,
      savingsPico: (3n + 7n + 11n + 13n) * 4_000_000n + 5n * 20_000_000n - fresh - 7n * 200_000n,
    });
  });

  it("reprices the whole request, output too, when a haiku 5.5 prompt is over 100,000 tokens", () => {
    expect(haiku({ input_tokens: 100_000, output_tokens: 1_000 })).toBe("0.010500000000");
    expect(haiku({ input_tokens: 100_001, output_tokens: 1_000 })).toBe("0.052500500000");
    expect(haiku({ input_tokens: 1, cache_read_tokens: 90_000, cache_write_5m_tokens: 10_000 })).toBe(
      "0.010750500000",
    );
  });

  it("leaves a model without a price without a cost, never with a cost of zero", () => {
    for (const model of ["claude-sonnet-5-5-foo", "<synthetic>", "unknown-model-x", ""]) {
      expect(costOfRequest(makeRequest(model, { input_tokens: 1 }))).toBeNull();
      expect(costOfRequest(makeRequest(model, {}))).toBeNull();
    }
  });

  it("doubles fast requests where fast has that price, ignores it where it is ignored, and has no cost where none is listed", () => {
    expect(fast("claude-opus-5-5")).toBe("0.008004000000");
    expect(fast("claude-opus-5")).toBe("0.010010000000");
    expect(fast("claude-sonnet-5-5")).toBe("0.002001000000");
    expect(fast("claude-haiku-4-5")).toBeNull();
  });

  it("charges a tenth more for tokens of US inference and regional endpoints, but not for searches", () => {
    const usage = { input_tokens: 1_000_000 };
    expect(usd(makeRequest("claude-opus-5-5", usage, { inference_geo: "us" }))).toBe("4.400000000000");
    expect(usd(makeRequest("claude-opus-5-5", usage, { inference_geo: "global" }))).toBe("4.000000000000");
    expect(usd(makeRequest("eu.anthropic.claude-opus-5-5-v1:0", usage))).toBe("4.400000000000");
    expect(usd(makeRequest("claude-opus-5-5", usage, { inference_geo: "us", web_search_requests: 3 }))).toBe(
      "4.430000000000",
    );
  });

  it("counts searches as fresh cost that caching neither saves nor spends", () => {
    expect(costOfRequest(makeRequest("claude-opus-5", {}, { web_search_requests: 2 }))).toEqual({
      costPico: 20_000_000_000n,
      freshPico: 20_000_000_000n,
      savingsPico: 0n,
    });
  });

  it("shows cache writes that nothing read as a loss", () => {
    const cost = costOfRequest(makeRequest("claude-sonnet-5", { cache_write_1h_tokens: 1_000_000 }));
    expect(cost && formatUsd(cost.savingsPico)).toBe("-2.000000000000");
  });

  it("refuses a count of tokens that is not whole", () => {
    expect(() => costOfRequest(makeRequest("claude-opus-5", { input_tokens: 0.5 }))).toThrow(RangeError);
  });
});

describe("costOfRequests", () => {
  it("sums each request at its own tier, which a sum of tokens could not", () => {
    const one = makeRequest("claude-haiku-5-5", { input_tokens: 60_000 });
    const twice = costOfRequests([one, one]);
    expect(twice && formatUsd(twice.costPico)).toBe("0.012000000000");
    expect(usd(makeRequest("claude-haiku-5-5", { input_tokens: 120_000 }))).toBe("0.060000000000");
  });

  it("has no sum as soon as one request has no price", () => {
    const known = makeRequest("claude-opus-5", { input_tokens: 1 });
    expect(costOfRequests([known, makeRequest("new-model", { input_tokens: 1 }), known])).toBeNull();
  });

  it("costs nothing when there was no request", () => {
    expect(costOfRequests([])).toEqual({ costPico: 0n, freshPico: 0n, savingsPico: 0n });
  });
});

const anyTokens = fc.integer({ min: 0, max: 2_000_000 });
const anyUsage = fc.record({
  input_tokens: anyTokens,
  output_tokens: anyTokens,
  cache_read_tokens: anyTokens,
  cache_write_5m_tokens: anyTokens,
  cache_write_1h_tokens: anyTokens,
});
const anyKind = fc.constantFrom(
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
);
const anyRequest = fc.record({
  model: fc.constantFrom(...PRICES.map((price) => price.model)),
  timestamp: fc.constant(NOW),
  usage: anyUsage,
  inference_geo: fc.constantFrom(undefined, "us", "global"),
  web_search_requests: fc.integer({ min: 0, max: 50 }),
});

describe("properties of cost", () => {
  it("cost = fresh + cache reads, and savings close the gap to the uncached price, for any request", () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const cost = costOfRequest(request)!;
        const uncached = costOfRequest({
          ...request,
          usage: {
            ...NO_USAGE,
            input_tokens:
              request.usage.input_tokens +
              request.usage.cache_read_tokens +
              request.usage.cache_write_5m_tokens +
              request.usage.cache_write_1h_tokens,
            output_tokens: request.usage.output_tokens,
          },
        })!;
        expect(cost.costPico >= cost.freshPico && cost.freshPico >= 0n).toBe(true);
        expect(cost.costPico + cost.savingsPico).toBe(uncached.costPico);
      }),
    );
  });

  it("is additive over the requests of a list, in any order", () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { maxLength: 6 }), (requests) => {
        const each = requests.map((request) => costOfRequest(request)!.costPico);
        expect(costOfRequests(requests)!.costPico).toBe(each.reduce((a, b) => a + b, 0n));
        expect(costOfRequests(requests.toReversed())).toEqual(costOfRequests(requests));
      }),
    );
  });

  it("never falls when a token of any kind is added", () => {
    fc.assert(
      fc.property(anyRequest, anyKind, (request, kind) => {
        const more = { ...request, usage: { ...request.usage, [kind]: request.usage[kind] + 1 } };
        expect(costOfRequest(more)!.costPico > costOfRequest(request)!.costPico).toBe(true);
      }),
    );
  });
});

const shared = process.env["NETRA_SHARED_DATA"] ?? join(import.meta.dirname, "../../../../shared/data");
const observedFile = join(shared, "agent-results/observed-prices-2.1.329.txt");

describe.skipIf(!existsSync(observedFile))("prices observed at the agent", () => {
  it("are ours, line by line, for the model that served; what the agent could not price has no cost here", () => {
    const lines = existsSync(observedFile) ? readFileSync(observedFile, "utf8").trim().split("\n") : [];
    const readings = lines.map((line) => {
      const match =
        /^(\S+) \[(\d+) (\d+) (\d+) (\d+) (\d+)\] (\S+) \[\('[^']*', \d+, '(\w+)', '([^']+)'\)\]$/.exec(line);
      if (match === null) throw new Error(`unreadable line: ${line}`);
      const [, , input, write5m, write1h, read, output, charged, basis, served] = match;
      const cost = costOfRequest(
        makeRequest(served ?? "", {
          input_tokens: Number(input),
          cache_write_5m_tokens: Number(write5m),
          cache_write_1h_tokens: Number(write1h),
          cache_read_tokens: Number(read),
          output_tokens: Number(output),
        }),
      );
      return {
        line,
        ours: cost?.costPico ?? null,
        theirs: basis === "list" ? parseUsd(charged ?? "") : null,
      };
    });
    expect(readings.length).toBeGreaterThan(90);
    expect(readings.filter(({ ours, theirs }) => ours !== theirs)).toEqual([]);
  });
});
