import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateDemo } from "../../local/demo.ts";
import { generateDemoWebhooks } from "../../local/demo-webhooks.ts";
import { findPullRequests } from "../../local/find-pull-requests.ts";

const NOW = Date.parse("2026-11-20T15:30:00Z");
const executions = [...generateDemo({ seed: "netra", now: new Date(NOW), weeks: 6 })];
const pullRequests = findPullRequests(executions, 7);
const webhooks = generateDemoWebhooks({ seed: "netra", now: NOW, pullRequests });
const count = (test: (body: string) => boolean): number => webhooks.filter(({ body }) => test(body)).length;

describe("the demo webhooks", () => {
  it("are the same for the same seed", () => {
    expect(generateDemoWebhooks({ seed: "netra", now: NOW, pullRequests })).toEqual(webhooks);
  });

  it("are a few hundred, in the order of their time, none from the future, no name or body twice", () => {
    expect(webhooks.length).toBeGreaterThan(300);
    expect(webhooks.length).toBeLessThan(700);
    expect(webhooks.map(({ at }) => at)).toEqual(webhooks.map(({ at }) => at).sort((a, b) => a - b));
    expect(webhooks.at(-1)?.at).toBeLessThanOrEqual(NOW);
    expect(new Set(webhooks.map(({ id }) => id)).size).toBe(webhooks.length);
    expect(new Set(webhooks.map(({ body }) => body)).size).toBe(webhooks.length);
  });

  it("are about the commits the agent was asked about", () => {
    const commits = new Set(executions.map(({ workspace }) => workspace?.commit));
    expect(pullRequests).toHaveLength(35);
    for (const { commit } of pullRequests) {
      expect(commits.has(commit)).toBe(true);
      expect(count((body) => body.includes(commit))).toBeGreaterThan(0);
    }
  });

  it("spread over the weeks and over every repository", () => {
    expect(NOW - (webhooks[0]?.at ?? NOW)).toBeGreaterThan(30 * 86_400_000);
    expect(new Set(pullRequests.map(({ repository }) => repository)).size).toBe(5);
  });

  it("have checks, merges and deployments that end both ways, whatever the seed and the day", () => {
    const moment = fc.date({
      min: new Date("2025-06-01T00:00:00Z"),
      max: new Date("2027-06-01T00:00:00Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(fc.string(), moment, (seed, now) => {
        const found = findPullRequests(generateDemo({ seed, now, weeks: 6 }), 7);
        const bodies = generateDemoWebhooks({ seed, now: now.getTime(), pullRequests: found }).map(
          ({ body }) => body,
        );
        for (const part of [
          '"conclusion":"failure"',
          '"conclusion":"success"',
          '"merged":true',
          '"state":"success"',
          '"state":"failure"',
          '"type":"deployment.succeeded"',
          '"type":"deployment.error"',
        ]) {
          expect(bodies.some((body) => body.includes(part))).toBe(true);
        }
      }),
      { numRuns: 8 },
    );
  });
});
