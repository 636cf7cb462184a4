import { describe, expect, it } from "vitest";
import { generateDemo } from "../../local/demo.ts";
import { generateDemoBranches } from "../../local/demo-branches.ts";
import { REPOSITORIES } from "../../local/demo-team.ts";

const NOW = Date.parse("2026-11-20T15:30:00Z");
const executions = [...generateDemo({ seed: "netra", now: new Date(NOW), weeks: 6 })];
const webhooks = generateDemoBranches({ seed: "netra", now: NOW, executions });
const count = (test: (body: string) => boolean): number => webhooks.filter(({ body }) => test(body)).length;

describe("the demo's branches", () => {
  it("are told the same for the same seed, in the order of time, none from the future, no name or body twice", () => {
    expect(generateDemoBranches({ seed: "netra", now: NOW, executions })).toEqual(webhooks);
    expect(webhooks.map(({ at }) => at)).toEqual(webhooks.map(({ at }) => at).sort((a, b) => a - b));
    expect(webhooks.at(-1)?.at).toBeLessThanOrEqual(NOW);
    expect(new Set(webhooks.map(({ id }) => id)).size).toBe(webhooks.length);
    expect(new Set(webhooks.map(({ body }) => body)).size).toBe(webhooks.length);
  });

  it("are branches that were worked on, most of them merged, some given up, some open, some left untold", () => {
    const branches = new Set(
      executions.map(({ workspace }) => `${workspace?.repository} ${workspace?.branch}`),
    );
    const opened = webhooks.filter(({ body }) => body.includes('"action":"opened"'));
    for (const { body } of opened) {
      const { repository, pull_request: pullRequest } = JSON.parse(body) as {
        repository: { full_name: string };
        pull_request: { head: { ref: string } };
      };
      expect(branches).toContain(`${repository.full_name} ${pullRequest.head.ref}`);
    }
    const merged = count((body) => body.includes('"action":"closed"') && body.includes('"merged":true'));
    const givenUp = count((body) => body.includes('"action":"closed"') && body.includes('"merged":false'));
    expect(opened.length).toBeGreaterThan(100);
    expect(opened.length).toBeLessThan(branches.size);
    expect(merged).toBeGreaterThan(opened.length / 2);
    expect(givenUp).toBeGreaterThan(5);
    expect(opened.length - merged - givenUp).toBeGreaterThan(5);
  });

  it("are in every repository, and some are named after issues that Linear tells of, done or not", () => {
    for (const { name } of REPOSITORIES)
      expect(count((body) => body.includes(`"${name}"`))).toBeGreaterThan(0);
    expect(webhooks.filter(({ source }) => source === "linear").length).toBeGreaterThan(50);
    for (const type of ["unstarted", "started", "completed"]) {
      expect(count((body) => body.includes(`"type":"${type}"`))).toBeGreaterThan(0);
    }
  });
});
