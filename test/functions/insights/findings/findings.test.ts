import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { DecidedAnswer } from "../../../../functions/insights/findings/decide.ts";
import type { FindingsAnswer, ListedFinding } from "../../../../functions/insights/findings/list-findings.ts";
import type { ExecutionInput } from "../../../../shared/agent/execution.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";

interface Problem {
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

const DAY_MS = 86_400_000;
let insights: Insights;
beforeAll(async () => {
  insights = await startInsights();
});
afterAll(() => insights?.close());

interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what the server answers is the test's to know
async function ask<T>(query: string, options: { key?: string; body?: unknown } = {}): Promise<Answer<T>> {
  const { key = insights.tenant.key, body } = options;
  const response = await fetch(`${insights.url}/v1/insights${query}`, {
    ...(body === undefined
      ? {}
      : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}
const list = (query: string, key?: string) => ask<FindingsAnswer>(query, key === undefined ? {} : { key });
const decide = (body: unknown, key?: string) =>
  ask<DecidedAnswer & Problem>("", { body, ...(key ? { key } : {}) });

async function newTenant(): Promise<{ key: string; organizationId: string; readKey: string }> {
  const tenant = await createTenant(insights.databases.adminDatabaseUrl);
  const readKey = (await tenant.createKey({ scopes: ["read"] })).key;
  return { key: tenant.key, organizationId: tenant.organizationId, readKey };
}

/** Runs of one command, `count` of them over the last ten days, of which every `nth` fails. */
function runs(count: number, nth: number, partial: Partial<ExecutionInput> = {}): ExecutionInput[] {
  return Array.from({ length: count }, (_, index) =>
    makeExecution({
      timestamp: new Date(Date.now() - 10 * DAY_MS + (index * 9.9 * DAY_MS) / count).toISOString(),
      session: { session_id: uuidv7() },
      status: index % nth === nth - 1 ? "failed" : "completed",
      ...partial,
    }),
  );
}

const request = (at: number, model: string, usage: Partial<Record<string, number>>) => ({
  id: uuidv7(),
  model,
  timestamp: new Date(at).toISOString(),
  usage: { input_tokens: 0, output_tokens: 100, ...usage },
});

const recent = (index: number): string => new Date(Date.now() - DAY_MS - index * 60_000).toISOString();

it("tells each finding's money so that a plain query of the ledger gives the same", async () => {
  const tenant = await newTenant();
  await insights.store(
    [
      ...runs(40, 4, { command: "/deploy production", error_message: "permission denied" }),
      ...runs(40, 40, { command: "/docs", workspace: { repository: "acme/web" } }),
    ],
    tenant.key,
  );
  const { status, body } = await list("", tenant.key);
  expect(status).toBe(200);
  const finding = body.findings.find(({ rule }) => rule === "repeated_failures");
  expect(finding?.evidence).toMatchObject({ executions: 40, failed: 10, classes: [{ class: "permission" }] });

  const { rows } = await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
    sql.query<{ observed: string; month: string; days: number }>(
      `select trim_scale(sum(cost_usd) filter (where status = 'failed'))::text as observed,
         trim_scale(round(sum(cost_usd) filter (where status = 'failed') * 30 / days, 12))::text as month, days
       from command_executions, (
         select ceil(extract(epoch from $2::timestamptz - min(timestamp)) / 86400)::integer as days
         from command_executions where organization_id = $1
       ) observed
       where organization_id = $1 and command_base = '/deploy'
       group by days`,
      [tenant.organizationId, body.to],
    ),
  );
  expect(finding?.computed.usd_observed).toBe(rows[0]?.observed);
  expect(finding?.usd_per_month).toBe(rows[0]?.month);
  expect(finding?.computed.days_observed).toBe(rows[0]?.days);
  expect(finding?.affected).toMatchObject({ commands: ["/deploy"], repositories: ["acme/shop"] });
});

it("sees waits between requests, long prompts, and caches nobody read", async () => {
  const tenant = await newTenant();
  const start = Date.now() - 8 * DAY_MS;
  const sessions = Array.from({ length: 6 }, (_, index): ExecutionInput => {
    const at = start + index * DAY_MS;
    return makeExecution({
      timestamp: new Date(at).toISOString(),
      session: { session_id: `waits-${index}` },
      usage: null,
      model: "claude-opus-5-5",
      requests: [
        request(at, "claude-opus-5-5", { cache_write_5m_tokens: 100_000 }),
        // Ten minutes later, by the same prompt: all of it is written again.
        request(at + 600_000, "claude-opus-5-5", { cache_write_5m_tokens: 101_000 }),
        // Five minutes to the second are still in time, more than an hour is beyond either lifetime.
        request(at + 900_000, "claude-opus-5-5", { cache_read_tokens: 101_000 }),
        request(at + 900_000 + 3_601_000, "claude-opus-5-5", { cache_write_5m_tokens: 101_000 }),
        request(at + 1_000, "claude-haiku-5-5", { input_tokens: 100_001 }),
        request(at + 2_000, "claude-haiku-5-5", { input_tokens: 100_000 }),
      ],
    });
  });
  const alone = Array.from({ length: 5 }, (_, index) =>
    makeExecution({
      timestamp: new Date(start + index * DAY_MS).toISOString(),
      command: "/describe-pr 7",
      session: { session_id: `alone-${index}` },
      model: "claude-sonnet-5-5",
      usage: { input_tokens: 10, output_tokens: 10, cache_write_5m_tokens: 1_000_000 },
    }),
  );
  await insights.store([...sessions, ...alone], tenant.key);
  const { body } = await list("?limit=500", tenant.key);
  const byRule = Object.groupBy(body.findings, ({ rule }) => rule);

  // L = 6 × 100,000 of W = 6 × 302,000: 0.6 × $4.80 − 1.212 × $3 is below zero, so nothing is advised.
  expect(byRule.cache_idle_gaps).toBeUndefined();
  expect(byRule.price_cliff?.[0]).toMatchObject({
    evidence: { requests_above: 6, requests_examined: 12 },
    // 100,001 × $0.40 + 100 × $2 a million, six times
    computed: { usd_observed: "0.2412024" },
  });
  expect(byRule.cache_never_reused?.[0]).toMatchObject({
    evidence: { sessions: 5, sessions_never_read: 5 },
    // 1 M tokens at $2.50 instead of $2, five times
    computed: { usd_observed: "2.5" },
  });
  const gaps = await list("?rule=cache_idle_gaps", tenant.key);
  expect(gaps.body.count).toBe(0);
});

it("remembers what people decide, shows muted ones only when asked, and writes it to the audit log", async () => {
  const tenant = await newTenant();
  await insights.store(runs(30, 3, { command: "/deploy staging" }), tenant.key);
  const [finding] = (await list("?rule=repeated_failures", tenant.key)).body.findings;
  const id = finding?.id ?? "";
  const states = async (query: string): Promise<ListedFinding["state"][]> =>
    (await list(`?rule=repeated_failures${query}`, tenant.key)).body.findings.map(({ state }) => state);
  expect(await states("")).toEqual(["open"]);

  expect((await decide({ finding: id, action: "acknowledge", note: "Bela looks" }, tenant.key)).body).toEqual(
    {
      finding: id,
      state: "acknowledged",
      changed: true,
      muted_until: null,
      done_at: null,
      promised_usd_per_month: null,
    },
  );
  expect(await states("")).toEqual(["acknowledged"]);
  const again = await decide({ finding: id, action: "acknowledge", note: "Bela looks" }, tenant.key);
  expect(again.body.changed).toBe(false);

  const until = new Date(Date.now() + DAY_MS).toISOString();
  expect((await decide({ finding: id, action: "mute", until }, tenant.key)).body.muted_until).toBe(until);
  expect(await states("")).toEqual([]);
  expect(await states("&state=muted")).toEqual(["muted"]);
  expect(await states("&state=all")).toEqual(["muted"]);
  await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
    sql.query("update insight_findings set muted_until = now() where organization_id = $1", [
      tenant.organizationId,
    ]),
  );
  expect(await states("")).toEqual(["open"]);

  expect((await decide({ finding: id, action: "reopen" }, tenant.key)).body.state).toBe("open");
  const { rows } = await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `select action, resource_id, user_id is not null as by_somebody, metadata ->> 'from' as before, metadata ->> 'note' as note
       from audit_logs where organization_id = $1 and resource_type = 'insight_finding' order by id`,
      [tenant.organizationId],
    ),
  );
  const entry = { resource_id: id, by_somebody: true, note: null };
  expect(rows).toEqual([
    { ...entry, action: "insight_finding.acknowledged", before: "open", note: "Bela looks" },
    { ...entry, action: "insight_finding.muted", before: "acknowledged" },
    { ...entry, action: "insight_finding.reopened", before: "muted" },
  ]);
});

it("measures the real saving after done and shows it beside the promised one", async () => {
  const tenant = await newTenant();
  await insights.store(runs(40, 4, { command: "/deploy production" }), tenant.key);
  const [finding] = (await list("?rule=repeated_failures", tenant.key)).body.findings;
  const id = finding?.id ?? "";
  const done = await decide({ finding: id, action: "done" }, tenant.key);
  expect(done.body).toMatchObject({ state: "done", promised_usd_per_month: finding?.usd_per_month });
  expect((await decide({ finding: id, action: "done" }, tenant.key)).body).toEqual({
    ...done.body,
    changed: false,
  });
  expect((await decide({ finding: id, action: "acknowledge" }, tenant.key)).status).toBe(409);
  const soon = await list("?state=done", tenant.key);
  expect(soon.body.findings[0]?.outcome).toMatchObject({
    promised_usd_per_month: finding?.usd_per_month,
    actual_usd_per_month: null,
    why: expect.stringContaining("7th day"),
  });

  // As if it had been done eight days ago: before, 10 of 40 failed; since then 4 of the 32 runs that were left.
  await asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
    await sql.query(
      "update insight_findings set done_at = now() - interval '8 days' where organization_id = $1",
      [tenant.organizationId],
    );
    await sql.query(
      `delete from command_executions e using (
         select id, row_number() over (order by timestamp desc) as position from command_executions
         where organization_id = $1 and status = 'failed' and timestamp > now() - interval '8 days'
       ) f where e.organization_id = $1 and e.id = f.id and f.position > 4`,
      [tenant.organizationId],
    );
  });
  const [later] = (await list("?state=done", tenant.key)).body.findings;
  const { rows } = await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
    sql.query<{ actual: string; cost: string; units: number }>(
      `select trim_scale(round((f.baseline_cost_usd * count(*) - sum(cost_usd) filter (where e.status = 'failed') * f.baseline_units)
           * 30 / (f.baseline_units * 9), 12))::text as actual,
         trim_scale(sum(cost_usd) filter (where e.status = 'failed'))::text as cost, count(*)::integer as units
       from insight_findings f join command_executions e on e.organization_id = f.organization_id and e.timestamp >= f.done_at
       where f.organization_id = $1 group by f.baseline_cost_usd, f.baseline_units`,
      [tenant.organizationId],
    ),
  );
  expect(later?.outcome).toMatchObject({
    promised_usd_per_month: finding?.usd_per_month,
    actual_usd_per_month: rows[0]?.actual,
    why: null,
    before: { units: 40, unit: "execution" },
    after: { cost_usd: rows[0]?.cost, units: rows[0]?.units },
    measured: { days: 9 },
  });
  expect(Number(later?.outcome?.actual_usd_per_month)).toBeGreaterThan(0);
});

it("keeps a finding that is done in the list when its rule finds nothing any more", async () => {
  const tenant = await newTenant();
  await insights.store(runs(30, 3, { command: "/deploy staging" }), tenant.key);
  const [finding] = (await list("?rule=repeated_failures", tenant.key)).body.findings;
  await decide({ finding: finding?.id, action: "done" }, tenant.key);
  await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
    sql.query("delete from command_executions where organization_id = $1 and status = 'failed'", [
      tenant.organizationId,
    ]),
  );
  const { body } = await list("", tenant.key);
  expect(body.findings).toMatchObject([
    { id: finding?.id, state: "done", found: false, title: finding?.title },
  ]);
  expect(body.total.usd_per_month).toBeNull();
});

it("gives pages that together are everything once, and refuses another question's token", async () => {
  const tenant = await newTenant();
  const commands = ["/a", "/b", "/c", "/d", "/e"];
  await insights.store(
    commands.flatMap((command, index) => runs(10 + 10 * index, 2, { command })),
    tenant.key,
  );
  const whole = await list("?rule=repeated_failures", tenant.key);
  expect(whole.body.count).toBe(5);
  const amounts = whole.body.findings.map(({ usd_per_month: usd }) => Number(usd));
  expect(amounts).toEqual(amounts.toSorted((a, b) => b - a));
  const ids: string[] = [];
  let token: string | null = null;
  do {
    const query: string = token === null ? "?rule=repeated_failures&limit=2" : `?limit=2&page_token=${token}`;
    const page: FindingsAnswer = (await list(query, tenant.key)).body;
    expect(page.total).toEqual(whole.body.total);
    ids.push(...page.findings.map(({ id }) => id));
    token = page.next_page_token;
  } while (token !== null && ids.length < 20);
  expect(ids).toEqual(whole.body.findings.map(({ id }) => id));

  const first = (await list("?rule=repeated_failures&limit=2", tenant.key)).body.next_page_token ?? "";
  const other = await ask<Problem>(`?rule=no_result&page_token=${first}`, { key: tenant.key });
  expect(other).toMatchObject({ status: 400, body: { errors: [{ pointer: "/rule" }] } });
  const made = await ask<Problem>("?page_token=abc", { key: tenant.key });
  expect(made).toMatchObject({ status: 400, body: { errors: [{ pointer: "/page_token" }] } });
});

it("filters by money and repository, and does not scale what comes from a few days", async () => {
  const tenant = await newTenant();
  await insights.store(
    ["acme/shop", "acme/web"].flatMap((repository, at) =>
      Array.from({ length: 6 * (at + 1) }, (_, index) =>
        makeExecution({ timestamp: recent(index), workspace: { repository }, status: "failed" }),
      ),
    ),
    tenant.key,
  );
  const { body } = await list("?rule=repeated_failures", tenant.key);
  expect(body.days_observed).toBe(2);
  const [web, shop] = body.findings;
  expect(web).toMatchObject({ computed: { scaled_to_month: false, days_observed: 2 } });
  expect(web?.usd_per_month).toBe(web?.computed.usd_observed);
  const inShop = await list("?repository=acme%2Fshop&rule=repeated_failures", tenant.key);
  expect(inShop.body.findings.map(({ id }) => id)).toEqual([shop?.id]);
  const dear = await list(`?rule=repeated_failures&min_usd=${web?.usd_per_month}`, tenant.key);
  expect(dear.body.findings.map(({ id }) => id)).toEqual([web?.id]);
});

it("answers from the cache while nothing is committed", async () => {
  const tenant = await newTenant();
  await insights.store(runs(30, 3), tenant.key);
  const first = await list("?to=2026-11-20", tenant.key);
  expect(first.headers.get("x-netra-cache")).toBe("miss");
  // What other tests commit to the same server costs a hit now and then.
  await vi.waitFor(
    async () => {
      const [one, next] = [
        await list("?to=2026-11-20", tenant.key),
        await list("?to=2026-11-20", tenant.key),
      ];
      expect(next.headers.get("x-netra-cache")).toBe("hit");
      expect(next.body).toEqual(one.body);
    },
    { interval: 1, timeout: 30_000 },
  );
  await insights.store([makeExecution()], tenant.key);
  expect((await list("?to=2026-11-20", tenant.key)).headers.get("x-netra-cache")).toBe("miss");
});

it("shows and changes nothing of another organization", async () => {
  const [one, other] = [await newTenant(), await newTenant()];
  await insights.store(runs(30, 3), one.key);
  const [finding] = (await list("", one.key)).body.findings;
  await decide({ finding: finding?.id, action: "acknowledge" }, one.key);
  expect((await list("?state=all", other.key)).body).toMatchObject({
    count: 0,
    executions: 0,
    cost_usd: null,
  });
  expect((await decide({ finding: finding?.id, action: "done" }, other.key)).status).toBe(404);
});

it("lets a key with the scope read look and not decide", async () => {
  const tenant = await newTenant();
  expect((await list("", tenant.readKey)).status).toBe(200);
  const body = { finding: "no_result-0000000000000000", action: "acknowledge" };
  expect((await decide(body, tenant.readKey)).status).toBe(403);
  expect((await list("", "")).status).toBe(401);
});

it.each([
  ["?days=0", "/days"],
  ["?days=91", "/days"],
  ["?to=yesterday", "/to"],
  ["?rule=colour", "/rule"],
  ["?state=asleep", "/state"],
  ["?min_usd=-1", "/min_usd"],
  ["?min_usd=1e3", "/min_usd"],
  ["?repository=", "/repository"],
  ["?limit=501", "/limit"],
  ["?colour=red", "/colour"],
  ["?days=3&days=4", "/days"],
])("refuses %s and points at it", async (query, pointer) => {
  const { status, body } = await ask<Problem>(query);
  expect(status).toBe(400);
  expect(body.errors).toEqual([{ pointer, detail: expect.any(String) }]);
});

const ID = "no_result-0000000000000000";
it.each([
  [{ finding: "x", action: "done" }, "/finding"],
  [{ finding: ID, action: "forget" }, "/action"],
  [{ finding: ID, action: "mute" }, "/until"],
  [{ finding: ID, action: "mute", until: "2020-01-01" }, "/until"],
  [{ finding: ID, action: "mute", until: "2200-01-01" }, "/until"],
  [{ finding: ID, action: "done", until: "2030-01-01" }, "/until"],
  [{ finding: ID, action: "done", note: "x".repeat(2_001) }, "/note"],
  [{ finding: ID, action: "done", colour: "red" }, "/colour"],
  ["{", ""],
  ["[]", ""],
])("refuses the decision %j and points at it", async (decision, pointer) => {
  const { status, body } = await ask<Problem>("", { body: decision });
  expect(status).toBe(400);
  expect(body.errors?.map((error) => error.pointer)).toEqual([pointer]);
});

it("says that there is no such finding", async () => {
  expect((await decide({ finding: ID, action: "acknowledge" })).status).toBe(404);
});
