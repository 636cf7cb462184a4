import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Insights, startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { type CommandLine, createCommandLine } from "./command-line.ts";

const workIn = (repository: string) => ({ timestamp: "2026-11-03T10:00:00Z", workspace: { repository } });
let insights: Insights;
let netra: CommandLine;

beforeAll(async () => {
  insights = await startInsights();
  await insights.store([
    makeExecution({ ...workIn("=acme"), reported_cost_usd: 2, usage: null, model: null }),
    makeExecution({
      ...workIn("acme/shop"),
      status: "failed",
      reported_cost_usd: 1,
      usage: null,
      model: null,
    }),
    makeExecution({ ...workIn("red\u001b[31m"), usage: null, model: null }),
  ]);
  netra = createCommandLine({
    env: { NETRA_INSIGHTS_URL: insights.url, NETRA_API_KEY: insights.tenant.key },
  });
});
afterAll(async () => {
  netra?.remove();
  await insights?.close();
});

const RANGE = ["--from", "2026-11-03", "--to", "2026-11-04"];

describe("netra analytics", () => {
  it("shows a table with its total and what it leaves out", async () => {
    const { code, out, err } = await netra.run(["analytics", "costs", "--by", "repository", ...RANGE]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.split("\n").map((line) => line.replace(/ {2,}/g, " | ").trimEnd());
    expect(lines).toContain("=acme | 1 | $2.00 | 66.7 % | $2.00 | $2.00 | $2.00 | 0");
    expect(lines).toContain("total | 3 | $3.00 | 100.0 % | $1.50 | $1.00 | $2.00 | 1");
    expect(out).toContain("1 runs have no known price");
    expect(out).not.toContain("\u001b");
  });

  it("gives all columns as CSV, also of no rows, and the answer as JSON", async () => {
    const csv = await netra.run(["analytics", "failures", "--by", "repository", "--csv", ...RANGE]);
    expect(csv.out.split("\r\n")[0]).toMatch(/^key,executions,failed,timeouts,/);
    expect(csv.out).toContain("\r\nacme/shop,1,1,0,1,100,");
    expect(csv.out).toContain("\r\n'=acme,1,0,0,0,0,");
    const none = await netra.run([
      "analytics",
      "models",
      "--csv",
      "--from",
      "2020-01-01",
      "--to",
      "2020-01-02",
    ]);
    expect(none.out.trimEnd().split("\r\n")).toHaveLength(1);
    const answer = await netra.json<{ kind: string; rows: { key: string; executions: number }[] }>([
      "analytics",
      "trends",
      "--direction",
      "desc",
      "--status",
      "failed",
      ...RANGE,
    ]);
    expect(answer.rows.map(({ key, executions }) => [key, executions])).toEqual([
      ["2026-11-04", 0],
      ["2026-11-03", 1],
    ]);
  });

  it("says what is wrong with a question", async () => {
    expect(await netra.run(["analytics", "weather"])).toMatchObject({ code: 2 });
    expect(await netra.run(["analytics", "costs", "--json", "--csv"])).toMatchObject({ code: 2 });
    const refused = await netra.run(["analytics", "sessions", "--by", "model"]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("must be one of session for sessions");
  });
});
