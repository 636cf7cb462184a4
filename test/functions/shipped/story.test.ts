import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShippedAnswer } from "../../../functions/insights/shipped/answer.ts";
import { SHIPPED_KINDS } from "../../../shared/shipped.ts";
import { githubTime, type Happening, shaOf, type Shipped, startShipped } from "../../helpers/shipped.ts";
import type { Tenant } from "../../helpers/tenant.ts";
import { executed, type Run, told } from "./story.ts";

/** What this file guards: a day's story, told through the functions' own doors, is attributed as a lead would do it. */
let shipped: Shipped;
let tenant: Tenant;
const happenings = [...told, ...executed.map(({ happening }) => happening)];

beforeAll(async () => {
  shipped = await startShipped();
  tenant = await shipped.tell(happenings);
});
afterAll(() => shipped?.close());

const tokensOf = (runs: readonly Run[]): number => runs.reduce((sum, { tokens }) => sum + tokens, 0);
/** The tokens of what was for these pull requests. */
const tokensFor = (...numbers: number[]): number =>
  tokensOf(executed.filter(({ pullRequest }) => numbers.some((number) => number === pullRequest)));
const numbersOf = (answer: ShippedAnswer): number[] =>
  answer.rows.map((row) => Number(row["number"])).toSorted((a, b) => a - b);
const rowOf = (answer: ShippedAnswer, name: string, value: unknown) =>
  answer.rows.find((row) => row[name] === value);

describe("a day's story", () => {
  it("gives each pull request exactly the executions that were for it, and each reason the others", async () => {
    const answer = await shipped.ask(tenant);
    const byTarget = Map.groupBy(executed, ({ pullRequest }) => pullRequest);
    const expected = [...byTarget].map(([target, runs]) => [String(target), runs.length, tokensOf(runs)]);
    const found = [
      ...answer.rows.map((row) => [String(row["number"]), row["executions"], row["total_tokens"]]),
      ...answer.unattributed.reasons.map((row) => [row.reason, row.executions, row.total_tokens]),
    ];
    expect(new Set(found)).toEqual(new Set(expected));
    expect(found).toHaveLength(expected.length);
  });

  it("says how each link was made and how sure it is", async () => {
    const answer = await shipped.ask(tenant);
    const links = (number: number) => {
      const evidence = rowOf(answer, "number", number)?.["evidence"] as {
        by: string;
        confidence: string;
        executions: number;
      }[];
      return Object.fromEntries(
        evidence.map(({ by, confidence, executions }) => [by, `${executions} ${confidence}`]),
      );
    };
    expect(links(7)).toEqual({
      branch: "4 high",
      number: "2 high",
      commit: "1 high",
      start_commit: "1 medium",
    });
    expect(links(9)).toEqual({ branch: "1 high", mention: "1 medium" });
    expect(links(10)).toEqual({ branch: "2 high", mention: "1 medium", key: "1 low" });
    expect(links(11)).toEqual({ branch: "1 high" });
  });

  it("measures from the first work to the merge and to the deployment that brought it out", async () => {
    const answer = await shipped.ask(tenant);
    expect(rowOf(answer, "number", 7)).toMatchObject({
      repository: "acme/store",
      state: "merged",
      started_at: new Date(githubTime(50)).toISOString(),
      merged_at: new Date(githubTime(600)).toISOString(),
      lead_time_ms: 550_000,
      deployed_at: new Date(githubTime(760)).toISOString(),
      deploy_time_ms: 710_000,
      deployment: "github:902",
      deployment_proof: "deployed_commit",
    });
    expect(rowOf(answer, "number", 8)).toMatchObject({
      state: "closed",
      lead_time_ms: null,
      deployed_at: null,
    });
    expect(rowOf(answer, "number", 9)).toMatchObject({
      issues: ["ENG-12"],
      deployment: "github:903",
      deployment_proof: "later_commit",
    });
    expect(rowOf(answer, "number", 1)).toMatchObject({
      repository: "acme/shop",
      state: "merged",
      deployed_at: null,
    });
  });

  it("asked by deployment counts what each brought out first, and why the rest is not out", async () => {
    const answer = await shipped.ask(tenant, { by: "deployment" });
    expect(rowOf(answer, "id", "902")).toMatchObject({
      pull_requests: [7],
      total_tokens: tokensFor(7),
      environment: "production",
    });
    const straight = executed.filter(
      ({ happening }) =>
        happening.kind === "execution" &&
        happening.execution.workspace?.["commit_after"] === shaOf("Straight to main"),
    );
    expect(straight).toHaveLength(1);
    expect(rowOf(answer, "id", "903")).toMatchObject({
      pull_requests: [9],
      total_tokens: tokensFor(9) + tokensOf(straight),
      evidence: [{ by: "deployed_commit" }, { by: "later_commit" }],
      lead_time_ms: 500_000,
    });
    expect(answer.groups).toBe(2);
    const reasons = Object.fromEntries(
      answer.unattributed.reasons.map((row) => [row.reason, row.total_tokens]),
    );
    expect(reasons).toMatchObject({
      pull_request_open: tokensFor(10, 11),
      pull_request_not_merged: tokensFor(8),
      not_deployed: tokensFor(1),
    });
    const staging = await shipped.ask(tenant, { by: "deployment", environment: "Staging" });
    expect(staging.rows.map((row) => [row["id"], row["pull_requests"]])).toEqual([["900", [7]]]);
  });

  it("asked by issue follows the branch, the pull request's title and the command, and splits between two issues", async () => {
    const answer = await shipped.ask(tenant, { by: "issue" });
    const nine = tokensOf(executed.filter(({ pullRequest }) => pullRequest === 9));
    const ten = executed.filter(({ pullRequest }) => pullRequest === 10);
    const keyed = ten.filter(
      ({ happening }) =>
        happening.kind === "execution" && happening.execution.workspace?.branch === "ben/eng-13-index",
    );
    const both = tokensOf(ten) - tokensOf(keyed);
    expect(rowOf(answer, "key", "ENG-12")).toMatchObject({
      title: "Issue ENG-12",
      state: "completed",
      total_tokens: nine,
      lead_time_ms: 400_000,
    });
    const thirteen = rowOf(answer, "key", "ENG-13");
    const fourteen = rowOf(answer, "key", "ENG-14");
    expect(Number(thirteen?.["total_tokens"]) + Number(fourteen?.["total_tokens"])).toBe(
      both + tokensOf(keyed),
    );
    expect(Number(thirteen?.["total_tokens"]) - tokensOf(keyed)).toBe(Math.ceil(both / 2));
    expect(thirteen).toMatchObject({ state: "unstarted", shared_executions: 3, lead_time_ms: null });
  });

  it("asked by repository follows it through its rename, and not to the one that has its name now", async () => {
    const answer = await shipped.ask(tenant, { by: "repository" });
    const tokens = Object.fromEntries(answer.rows.map((row) => [row["repository"], row["total_tokens"]]));
    const successors = executed.slice(-2);
    const unknown = executed.filter(
      ({ pullRequest }) => pullRequest === "no_repository" || pullRequest === "repository_unknown",
    );
    expect(tokens).toEqual({
      "acme/shop": tokensOf(successors),
      "acme/store": tokensOf(executed) - tokensOf(successors) - tokensOf(unknown),
    });
    expect(rowOf(answer, "repository", "acme/store")).toMatchObject({ merged: 2, pull_requests: 5 });
  });

  it("narrows to a repository or a person, and lists one state alone", async () => {
    const whole = await shipped.ask(tenant);
    const merged = await shipped.ask(tenant, { state: "merged" });
    expect(merged.total).toEqual(whole.total);
    expect(numbersOf(merged)).toEqual([1, 7, 9]);
    expect(merged.listed.executions).toBe(
      merged.rows.reduce((sum, row) => sum + Number(row["executions"]), 0),
    );
    const store = await shipped.ask(tenant, { repository: "git@github.com:Acme/Store.git" });
    expect(numbersOf(store)).toEqual([7, 8, 9, 10, 11]);
    expect(store.total.executions).toBeLessThan(whole.total.executions);
    expect((await shipped.ask(tenant, { person: "nobody@acme.example" })).total.executions).toBe(0);
  });

  it("gives the rows in pages that leave nothing out, by cost", async () => {
    const all = await shipped.ask(tenant);
    const rows: Record<string, unknown>[] = [];
    let token: string | null = "";
    while (token !== null) {
      const page = await shipped.ask(tenant, { limit: "2", ...(token === "" ? {} : { page_token: token }) });
      expect(page.rows.length).toBeLessThanOrEqual(2);
      rows.push(...page.rows);
      token = page.next_page_token;
    }
    expect(rows).toEqual(all.rows);
    const costs = rows.map((row) => Number(row["cost_usd"]));
    expect(costs).toEqual(costs.toSorted((a, b) => b - a));
  });

  it("ends in the same answers in whatever order it is told, webhooks late or early, some twice", async () => {
    const answersOf = (who: Tenant) => Promise.all(SHIPPED_KINDS.map((by) => shipped.ask(who, { by })));
    const expected = await answersOf(tenant);
    const order = fc.shuffledSubarray(
      Array.from(happenings, (_, index) => index),
      { minLength: happenings.length },
    );
    await fc.assert(
      fc.asyncProperty(order, fc.nat(happenings.length - 1), async (places, repeated) => {
        const inOrder = [...places, places[repeated] ?? 0].flatMap((place): Happening[] => {
          const found = happenings[place];
          return found === undefined ? [] : [found];
        });
        expect(await answersOf(await shipped.tell(inOrder))).toEqual(expected);
      }),
      { numRuns: 2 },
    );
    const webhooksLast = [...executed.map(({ happening }) => happening), ...told.toReversed()];
    expect(await answersOf(await shipped.tell(webhooksLast))).toEqual(expected);
  });
});
