import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { benchPrediction } from "../../../bench/prediction.ts";
import type { BenchResult } from "../../../bench/report.ts";
import { type Structure, synthesizeSessions } from "./synthetic-sessions.ts";

const REAL = join(import.meta.dirname, "../../../../../shared/data/cost-tables/agent-sessions.jsonl");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "netra-prediction-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  results: readonly BenchResult[];
  told: readonly string[];
  value: (name: string) => number;
  ratio: (baseline: string) => number;
}

async function backTest(text: string): Promise<Run> {
  const path = join(folder, "sessions.jsonl");
  writeFileSync(path, text);
  const told: string[] = [];
  const results = await benchPrediction((line) => told.push(line), path);
  const find = (name: string): BenchResult | undefined => results.find((one) => one.name === name);
  return {
    results,
    told,
    value: (name) => find(name)?.value ?? NaN,
    ratio: (baseline) => find(`pinball loss against ${baseline}`)?.ratio ?? NaN,
  };
}

const answer = (run: Run): string | undefined => run.told.find((line) => line.startsWith("the last session"));
const made = (structure: Structure): Promise<Run> => backTest(synthesizeSessions(structure));

describe("predictions, back-tested by time", () => {
  it("beat every baseline when repositories, tasks and prices all matter", async () => {
    const run = await made({ rows: 500, repositoryEffect: 1, taskEffect: 0.7, byPrice: true });

    expect(run.results.filter(({ ok }) => ok === false)).toEqual([]);
    expect(run.ratio("global median")).toBeLessThan(0.8);
  });

  it("come close to the best possible when nothing but chance decides", async () => {
    const run = await made({ rows: 500 });

    expect(run.ratio("global median")).toBeLessThan(1.04);
    expect(run.ratio("repository median")).toBeLessThan(1);
    expect(run.value("coverage of p10 to p90")).toBeCloseTo(0.8, 1);
  });

  it("come close to the repository's median when nothing but the repository decides", async () => {
    const run = await made({ rows: 500, repositoryEffect: 1.5 });

    expect(run.ratio("repository median")).toBeLessThan(1.02);
    expect(run.ratio("global median")).toBeLessThan(0.85);
  });

  it("do not fall for single repositories that were seen once or twice", async () => {
    const run = await made({ rows: 400, repositories: 200, repositoryEffect: 1 });

    expect(run.ratio("repository median")).toBeLessThan(1);
    expect(run.ratio("global median")).toBeLessThan(1);
  });

  it("keep their coverage with outliers of twenty times the cost", async () => {
    const run = await made({ rows: 600, repositoryEffect: 0.7, outliers: 0.15 });

    expect(run.value("coverage of p10 to p90")).toBeGreaterThan(0.75);
    expect(run.value("coverage of p10 to p90")).toBeLessThan(0.85);
    expect(run.ratio("repository median")).toBeLessThan(1.03);
  });

  it("follow a step in cost better than every baseline", async () => {
    const run = await made({ rows: 500, repositoryEffect: 0.5, step: 2 });

    for (const name of ["global median", "repository median", "prompt length regression"]) {
      expect(run.ratio(name)).toBeLessThan(1);
    }
    expect(run.value("coverage of p10 to p90")).toBeGreaterThan(0.72);
  });

  it("are told but not judged over thirty sessions", async () => {
    const run = await made({ rows: 30, repositoryEffect: 1 });

    expect(run.value("graded forecasts")).toBeGreaterThan(0);
    expect(run.results.every(({ ok }) => ok === null)).toBe(true);
    expect(run.results.every(({ value }) => Number.isFinite(value))).toBe(true);
  });

  it("grade nothing over a single session, nor over an empty or unreadable file", async () => {
    const one = await made({ rows: 1 });
    const none = await backTest("");
    const broken = await backTest("not json\n{}\n");

    for (const run of [one, none, broken]) expect(run.results).toEqual([]);
    expect(broken.told[0]).toContain("2 unreadable lines");
  });

  it("do without what a file does not tell", async () => {
    const lines = synthesizeSessions({ rows: 120 })
      .split("\n")
      .map((line) => {
        const { first, ccusage_cost_usd } = JSON.parse(line) as Record<string, unknown>;
        return JSON.stringify({ first, ccusage_cost_usd, by_model: null, repo: null });
      });

    const run = await backTest(lines.join("\n"));

    expect(run.value("graded forecasts")).toBeGreaterThan(90);
    expect(run.value("coverage of p10 to p90")).toBeCloseTo(0.8, 1);
    expect(run.ratio("global median")).toBeCloseTo(1, 1);
  });

  it("say so where there is no data, and judge nothing", async () => {
    const told: string[] = [];

    expect(await benchPrediction((line) => told.push(line), join(folder, "missing.jsonl"))).toEqual([]);
    expect(told.join()).toContain("no data");
  });

  it("give the same figures for the same file, whatever the order of its lines", async () => {
    const text = synthesizeSessions({ rows: 200, repositoryEffect: 1, byPrice: true });

    const once = await backTest(text);
    const turned = await backTest(text.split("\n").toReversed().join("\n"));

    expect(turned.results).toEqual(once.results);
  });

  it("know nothing of a session but how it starts", async () => {
    const lines = synthesizeSessions({ rows: 200, repositoryEffect: 1, byPrice: true }).split("\n");
    const last: unknown = JSON.parse(lines.at(-1) ?? "");
    const after = { user_prompts: 99, tool_calls: 999, tokens: { output: 1e9 }, sum_turn_duration_ms: 1e9 };
    const changed = JSON.stringify({ ...(last as object), ...after, ccusage_cost_usd: 1e6 });

    const plain = await backTest(lines.join("\n"));
    const other = await backTest([...lines.slice(0, -1), changed].join("\n"));

    expect(answer(plain)).toContain("p50");
    expect(answer(other)).toBe(answer(plain));
  });

  it.skipIf(!existsSync(REAL))(
    "meet their targets over real sessions (skipped without the data)",
    async () => {
      const run = await backTest(readFileSync(REAL, "utf8"));

      expect(run.results.filter(({ target }) => target !== null)).toHaveLength(4);
      expect(run.results.filter(({ ok }) => ok === false)).toEqual([]);
    },
  );
});
