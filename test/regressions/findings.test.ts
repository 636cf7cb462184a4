import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FindingsAnswer } from "../../functions/insights/findings/list-findings.ts";
import { outcomeOf } from "../../functions/insights/findings/outcome.ts";
import { costChange } from "../../functions/insights/findings/rules/cost-change.ts";
import { cacheIdleGaps } from "../../functions/insights/findings/rules/cache-idle-gaps.ts";
import { priceCliff } from "../../functions/insights/findings/rules/price-cliff.ts";
import { mayOverlap } from "../../functions/insights/findings/total.ts";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { listInsightRequests } from "../../shared/postgres/insight-requests.ts";
import { listInsightSessions } from "../../shared/postgres/insight-sessions.ts";
import { prepareAddingUp } from "../../shared/postgres/insight-values.ts";
import { createPool, type Sql, withOrganization } from "../../shared/postgres/pool.ts";
import { baselineOf } from "../../functions/insights/findings/finding.ts";
import { makeFacts } from "../functions/insights/findings/make-facts.ts";
import { type Insights, startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

const DAY_MS = 86_400_000;
let insights: Insights;
beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

const newTenant = () => createTenant(insights.databases.adminDatabaseUrl);

async function list(query: string, key: string): Promise<{ status: number; body: FindingsAnswer }> {
  const response = await fetch(`${insights.url}/v1/insights${query}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return { status: response.status, body: (await response.json()) as FindingsAnswer };
}

async function decide(key: string, body: unknown, contentType: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, "content-type": contentType };
  const response = await fetch(`${insights.url}/v1/insights`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const failures = (count: number, partial: Partial<ExecutionInput> = {}): ExecutionInput[] =>
  Array.from({ length: count }, (_, index) =>
    makeExecution({
      timestamp: new Date(Date.now() - DAY_MS - index * 60_000).toISOString(),
      status: "failed",
      ...partial,
    }),
  );

const lastDays = (days: number) => ({ from: new Date(Date.now() - days * DAY_MS), to: new Date() });
const inOrganization = <T>(organizationId: string, work: (sql: Sql) => Promise<T>): Promise<T> =>
  withOrganization(insights.context.pool, organizationId, work);

// A note that PostgreSQL cannot hold was answered with 500, and a content type with its charset with 415.
it("keeps a decision whose note holds a NUL or half a character, from any JSON client", async () => {
  const { key } = await newTenant();
  await insights.store(failures(3), key);
  const finding = (await list("", key)).body.findings[0]?.id;
  const note = "a\0b\u{d800}";
  const body = { finding, action: "acknowledge", note };
  expect(await decide(key, body, "application/json; charset=utf-8")).toBe(200);
  const [listed] = (await list("", key)).body.findings;
  expect(listed?.decision?.note).toBe("a\u{fffd}b\u{fffd}");
});

// Days that had not come yet counted as days on which nothing happened.
it("scales no amount by days that have not come yet", async () => {
  const { key } = await newTenant();
  await insights.store(failures(4), key);
  const ahead = new Date(Date.now() + 10 * DAY_MS).toISOString();
  const { body } = await list(`?days=30&limit=1&to=${ahead}`, key);
  expect(Date.parse(body.to)).toBeLessThan(Date.now() + 61_000);
  expect(body.days_observed).toBe(2);
  expect(body.findings[0]?.computed.scaled_to_month).toBe(false);
});

// The second page of a range that ends ahead, or of a repository with a long name, was refused.
it("takes every page token that it gives, with the parameters it was given for", async () => {
  const { key } = await newTenant();
  const repository = "\u{1}".repeat(300);
  const commands = ["/a", "/b"].flatMap((command) => failures(3, { command, workspace: { repository } }));
  await insights.store(commands, key);
  const query = `?limit=1&to=${new Date(Date.now() + DAY_MS).toISOString()}&repository=${encodeURIComponent(repository)}`;
  const first = await list(query, key);
  const token = first.body.next_page_token;
  expect(token).not.toBeNull();
  const second = await list(`${query}&page_token=${token}`, key);
  expect(second).toMatchObject({ status: 200, body: { to: first.body.to, count: 2 } });
  const other = new Date(Date.now() + 2 * DAY_MS).toISOString();
  expect((await list(`?to=${other}&page_token=${token}`, key)).status).toBe(400);
});

// Its measure is of the last seven days, and was taken for one of all the days since: 7/30 of the saving was told.
it("tells the real saving of a cost change by the days that were measured", () => {
  const done = new Date("2026-11-01T00:00:00Z");
  const to = new Date("2026-12-01T00:00:00Z");
  const patternDays = Array.from({ length: 30 }, (_, index) => ({
    signature: "v1 /review",
    commandBase: "/review",
    day: new Date(done.getTime() + index * DAY_MS).toISOString().slice(0, 10),
    priced: 10,
    costPico: 10_000_000_000_000n,
  }));
  const since = makeFacts({ range: { from: done, to }, patternDays });
  const after = baselineOf(costChange.measure(since, { pattern: "v1 /review" }));
  expect(after).toMatchObject({ costUsd: "70", units: 70 });
  const outcome = outcomeOf(
    { doneAt: done, promisedUsdPerMonth: "600", baseline: { costUsd: "210", units: 70, unit: "execution" } },
    { after, to },
  );
  // $3 before, $1 now, ten times a day.
  expect(outcome.actual_usd_per_month).toBe("600");
});

// A session of which only some executions name a repository was told as one of that repository, so that its money could
// count once there and once among the executions without any.
it("takes a session for one of a repository only when all of its executions are", async () => {
  const { key, organizationId } = await newTenant();
  const session = { session_id: "half" };
  const at = new Date(Date.now() - DAY_MS).toISOString();
  await insights.store(
    [
      makeExecution({ timestamp: at, session, workspace: { repository: "acme/shop" } }),
      makeExecution({ timestamp: at, session, workspace: null }),
    ],
    key,
  );
  const { dearest } = await inOrganization(organizationId, (sql) =>
    listInsightSessions(sql, organizationId, lastDays(3), []),
  );
  expect(dearest).toMatchObject([{ sessionId: "half", repository: null, executions: 2 }]);
});

// Requests to a second model of an execution were taken for other executions than those of its first, and repositories
// without a name or beyond the twentieth were forgotten: money could count twice in the total.
it("knows that requests to one model belong to executions of another", async () => {
  const { key, organizationId } = await newTenant();
  const start = Date.now() - DAY_MS;
  const request = (minutes: number, model: string, tokens: number) => ({
    id: uuidv7(),
    model,
    timestamp: new Date(start + minutes * 60_000).toISOString(),
    usage: { input_tokens: tokens, output_tokens: 10, cache_write_5m_tokens: 100_000 },
  });
  await insights.store(
    [
      makeExecution({
        timestamp: new Date(start).toISOString(),
        session: { session_id: "mixed" },
        workspace: null,
        model: "claude-opus-5-5",
        usage: null,
        requests: [
          request(0, "claude-opus-5-5", 1),
          ...[1, 11, 21].map((minutes) => request(minutes, "claude-haiku-5-5", 100_001)),
        ],
      }),
    ],
    key,
  );
  const requests = await inOrganization(organizationId, (sql) =>
    listInsightRequests(
      sql,
      organizationId,
      lastDays(3),
      ["mixed"],
      [{ model: "claude-haiku-5-5", abovePromptTokens: 100_000 }],
    ),
  );
  const opus = { repositories: [null], models: ["claude-opus-5-5"] };
  const [cliff] = priceCliff.find(makeFacts({ requests }));
  expect(cliff?.scope).toMatchObject(opus);
  expect(mayOverlap(cliff?.scope ?? {}, opus)).toBe(true);
  expect(requests.gaps.map(({ model, executionModels }) => [model, executionModels])).toEqual(
    expect.arrayContaining([["claude-haiku-5-5", ["claude-opus-5-5"]]]),
  );
  const gaps = requests.gaps.map((gap) => ({
    ...gap,
    gaps: 50,
    writeTokens: 1_000_000,
    rewrittenTokens: 900_000,
  }));
  const found = cacheIdleGaps.find(makeFacts({ requests: { gaps, long: [] } }));
  expect(found.length).toBeGreaterThan(0);
  for (const { scope } of found) expect(mayOverlap(scope, opus)).toBe(true);
});

// Requests that are all alike take no room: sixteen megabytes of them were millions, and no analysis ended in time.
it("looks into no more requests than it has time for", async () => {
  const { key, organizationId } = await newTenant();
  await insights.store(
    Array.from({ length: 40 }, () => makeExecution({ session: { session_id: "alike" } })),
    key,
  );
  await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `update command_executions set output_characteristics = (
         select jsonb_build_object('requests', jsonb_agg(jsonb_build_object('id', 'r', 'model', 'claude-opus-5-5',
           'timestamp', '2026-11-20T10:00:00Z', 'usage', jsonb_build_object('input_tokens', 1, 'output_tokens', 1,
             'cache_read_tokens', 0, 'cache_write_5m_tokens', 1, 'cache_write_1h_tokens', 0))))
         from generate_series(1, 10000)
       ) where organization_id = $1`,
      [organizationId],
    ),
  );
  const { gaps } = await inOrganization(organizationId, async (sql) => {
    await sql.query("set local statement_timeout = '60s'");
    return listInsightRequests(sql, organizationId, lastDays(3), ["alike"], []);
  });
  expect(gaps.map(({ requests }) => requests)).toEqual([300_000]);
}, 60_000);

// At a million executions the largest statement came near the ten seconds that any may take, and then none was answered.
it("gives statements that add up a range three times as long as others, and not more", async () => {
  const pool = createPool({
    databaseUrl: insights.databases.databaseUrl,
    connectionsMax: 1,
    applicationName: "test",
    log: insights.context.log,
    statementTimeoutMs: 1_000,
    answerGraceMs: 100,
  });
  const { organizationId } = insights.tenant;
  const sleep = (seconds: number): Promise<unknown> =>
    withOrganization(pool, organizationId, async (sql) => {
      const patient = await prepareAddingUp(sql);
      return patient.query({ text: "select pg_sleep($1)", values: [seconds] });
    });
  await expect(sleep(1.5)).resolves.toMatchObject({ rowCount: 1 });
  await expect(sleep(30)).rejects.toMatchObject({ code: "57014" });
  await pool.end();
});

it("takes requests of more repositories than can be told for requests of any", async () => {
  const { key, organizationId } = await newTenant();
  await insights.store(
    Array.from({ length: 25 }, (_, index) =>
      makeExecution({
        timestamp: new Date(Date.now() - DAY_MS).toISOString(),
        session: { session_id: `s-${index}` },
        workspace: { repository: `acme/${index}` },
        model: "claude-haiku-5-5",
        usage: null,
        requests: [
          {
            id: uuidv7(),
            model: "claude-haiku-5-5",
            timestamp: new Date(Date.now() - DAY_MS).toISOString(),
            usage: { input_tokens: 100_001, output_tokens: 10 },
          },
        ],
      }),
    ),
    key,
  );
  const [cliff] = (await list("?rule=price_cliff", key)).body.findings;
  expect(cliff?.evidence).toMatchObject({ requests_above: 25 });
  const ids = Array.from({ length: 25 }, (_, index) => `s-${index}`);
  const requests = await inOrganization(organizationId, (sql) =>
    listInsightRequests(sql, organizationId, lastDays(3), ids, [
      { model: "claude-haiku-5-5", abovePromptTokens: 100_000 },
    ]),
  );
  const [found] = priceCliff.find(makeFacts({ requests }));
  expect(mayOverlap(found?.scope ?? {}, { repositories: ["acme/9"] })).toBe(true);
});

// They came in no order, so that the limits on what is looked into cut off any of them instead of the smallest.
it("looks into the sessions first that wrote the most to the cache", async () => {
  const { key, organizationId } = await newTenant();
  const order = [7, 2, 11, 5, 1, 9, 4, 12, 3, 8, 6, 10];
  await insights.store(
    order.map((size) =>
      makeExecution({
        session: { session_id: `wrote-${size}` },
        usage: { input_tokens: 1, output_tokens: 1, cache_write_5m_tokens: size * 1_000 },
      }),
    ),
    key,
  );
  const { heavy } = await inOrganization(organizationId, (sql) =>
    listInsightSessions(sql, organizationId, lastDays(3), []),
  );
  expect(heavy).toEqual(order.toSorted((a, b) => b - a).map((size) => `wrote-${size}`));
});
