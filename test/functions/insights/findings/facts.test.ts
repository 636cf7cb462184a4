import { afterAll, beforeAll, expect, it } from "vitest";
import { exactUsd } from "../../../../functions/insights/findings/amounts.ts";
import { collectFacts, type Facts } from "../../../../functions/insights/findings/facts.ts";
import { generateDemo } from "../../../../local/demo.ts";
import type { ExecutionInput } from "../../../../shared/agent/execution.ts";
import { withOrganization } from "../../../../shared/postgres/pool.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";

// Everything here is worked out a second time from what was sent, without SQL.
const NOW = Date.now() - 60_000;
const FROM = NOW - 21 * 86_400_000;
const demo = [...generateDemo({ seed: "findings", now: new Date(NOW), weeks: 4 })];
const ended = demo.filter(({ status, timestamp }) => status !== "pending" && Date.parse(timestamp) >= FROM);
let insights: Insights;
let facts: Facts;

beforeAll(async () => {
  insights = await startInsights();
  await insights.store(demo);
  const { organizationId } = insights.tenant;
  facts = await withOrganization(insights.context.pool, organizationId, (sql) =>
    collectFacts(sql, organizationId, { from: new Date(FROM), to: new Date(NOW + 1) }),
  );
});
afterAll(() => insights?.close());

it("groups every execution that has ended into one cell", () => {
  const { cells } = facts;
  expect(cells.executions).toBe(ended.length);
  expect(cells.cells).toHaveLength(cells.cellCount);
  const sum = (of: (cell: (typeof cells.cells)[number]) => number): number =>
    cells.cells.reduce((total, cell) => total + of(cell), 0);
  expect(sum(({ executions }) => executions)).toBe(ended.length);
  expect(sum(({ failed }) => failed)).toBe(ended.filter(({ status }) => status === "failed").length);
  expect(sum(({ timeouts }) => timeouts)).toBe(ended.filter(({ status }) => status === "timeout").length);
  const output = ended
    .flatMap(({ requests, usage }) => requests?.map((request) => request.usage) ?? usage ?? [])
    .reduce((total, usage) => total + usage.output_tokens, 0);
  expect(sum(({ usage }) => usage.output_tokens)).toBe(output);
  const cost = cells.cells.reduce((total, cell) => total + cell.costPico, 0n);
  expect(cost).toBe(cells.costPico);
  expect(sum(({ failed, timeouts }) => failed + timeouts)).toBe(
    facts.failures.reduce((total, { executions }) => total + executions, 0),
  );
});

it("agrees with the summary on what everything cost", async () => {
  const range = { from: new Date(FROM).toISOString(), to: new Date(NOW + 1).toISOString() };
  const { body } = await insights.get({ ...range, source: "ledger" });
  expect(exactUsd(facts.cells.costPico ?? 0n)).toBe(body.total.cost_usd);
});

it("finds the waits of each chain of requests as a replay of what was sent does", () => {
  const heavy = new Set(facts.sessions.heavy);
  expect(heavy.size).toBeGreaterThan(100);
  const replayed = replay(ended.filter((execution) => heavy.has(sessionOf(execution))));
  const found = facts.requests.gaps.map((gap) => [
    `${gap.repository} ${gap.model} ${gap.lifetime}`,
    { ...gap, repository: undefined, model: undefined, lifetime: undefined, executionModels: undefined },
  ]);
  expect(Object.fromEntries(found)).toEqual(replayed);
  expect(Object.values(replayed).some(({ rewrittenTokens }) => rewrittenTokens > 0)).toBe(true);
  expect(Object.values(replayed).some(({ servedTokens }) => servedTokens > 0)).toBe(true);
});

it("knows the middle and the spread of what sessions cost", () => {
  const { sessions } = facts;
  expect(sessions.byRepository.reduce((sum, one) => sum + one.sessions, 0)).toBe(sessions.priced);
  const names = new Set(ended.map(sessionOf));
  expect(sessions.priced).toBeGreaterThan(names.size * 0.9);
  expect(sessions.priced).toBeLessThanOrEqual(names.size);
  const costs = sessions.dearest.map(({ costPico }) => costPico);
  expect(costs).toEqual(costs.toSorted((a, b) => (a > b ? -1 : 1)));
  const dearer = costs.filter((pico) => Math.log(Number(pico) / 1e12) > (sessions.medianLog ?? 0)).length;
  expect(dearer).toBe(Math.min(200, costs.length));
  expect(sessions.madLog).toBeGreaterThan(0);
});

type Request = NonNullable<NonNullable<ExecutionInput["requests"]>[number]>;

function requestsOf({ requests }: ExecutionInput): readonly Request[] {
  return requests ?? [];
}

function sessionOf({ session }: ExecutionInput): string {
  return session?.session_id ?? "";
}

interface Replayed {
  sessions: number;
  requests: number;
  gaps: number;
  writeTokens: number;
  rewrittenTokens: number;
  servedTokens: number;
}

function replay(executions: readonly ExecutionInput[]): Record<string, Replayed> {
  const chains = Map.groupBy(
    executions.flatMap((execution) =>
      requestsOf(execution).map((request) => ({
        request,
        chain: `${sessionOf(execution)} ${request.model}`,
        repository: execution.workspace?.repository ?? null,
        at: Date.parse(request.timestamp),
      })),
    ),
    ({ chain }) => chain,
  );
  const sums: Record<string, Replayed> = {};
  for (const chain of chains.values()) {
    chain.sort((a, b) => a.at - b.at || (a.request.id < b.request.id ? -1 : 1));
    const total = (kind: "cache_write_5m_tokens" | "cache_write_1h_tokens"): number =>
      chain.reduce((sum, { request }) => sum + (request.usage[kind] ?? 0), 0);
    const [short, long] = [total("cache_write_5m_tokens"), total("cache_write_1h_tokens")];
    const first = chain[0];
    if (first === undefined || short > 0 === long > 0) continue;
    const key = `${first.repository} ${first.request.model} ${long > 0 ? "1h" : "5m"}`;
    const sum = (sums[key] ??= {
      sessions: 0,
      requests: 0,
      gaps: 0,
      writeTokens: 0,
      rewrittenTokens: 0,
      servedTokens: 0,
    });
    sum.sessions += 1;
    sum.requests += chain.length;
    sum.writeTokens += short + long;
    for (const [index, { request, at }] of chain.entries()) {
      const before = chain[index - 1];
      if (before === undefined || at - before.at <= 300_000 || at - before.at > 3_600_000) continue;
      const had =
        (before.request.usage.cache_read_tokens ?? 0) +
        (before.request.usage.cache_write_5m_tokens ?? 0) +
        (before.request.usage.cache_write_1h_tokens ?? 0);
      const read = request.usage.cache_read_tokens ?? 0;
      sum.gaps += 1;
      sum.rewrittenTokens += Math.min(request.usage.cache_write_5m_tokens ?? 0, Math.max(0, had - read));
      sum.servedTokens += Math.min(read, had);
    }
  }
  return sums;
}
