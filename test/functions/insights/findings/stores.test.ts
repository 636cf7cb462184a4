import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAnalyses } from "../../../../functions/insights/findings/analyses.ts";
import { readFacts, type ReadFacts } from "../../../../functions/insights/findings/read-facts.ts";
import { createSources } from "../../../../functions/insights/sources.ts";
import { generateDemo } from "../../../../local/demo.ts";
import type { ExecutionInput } from "../../../../shared/agent/execution.ts";
import { createClickHouse } from "../../../../shared/clickhouse/client.ts";
import type { InsightRange } from "../../../../shared/insight-cells.ts";
import { type Insights, startInsights } from "../../../helpers/insights.ts";
import { makeExecution } from "../../../helpers/make-execution.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";

const DAY_MS = 86_400_000;
const NOW = Date.now() - 60_000;
/** Begins with the first moment of an execution and ends before that of another. */
const RANGE: InsightRange = { from: new Date(NOW - 21 * DAY_MS), to: new Date(NOW) };
let insights: Insights;

beforeAll(async () => {
  insights = await startInsights({ NETRA_QUERY_TIMEOUT_MS: "30000" });
});
afterAll(() => insights?.close());

const fromLedger = (organizationId: string): Promise<ReadFacts> =>
  readFacts({ reader: insights.context.reader }, organizationId, RANGE);

function fromEither(
  organizationId: string,
  options: { ledgerMax?: number; copiedFacts?: Insights["context"]["sources"]["copiedFacts"] } = {},
): Promise<ReadFacts> {
  const { reader, sources } = insights.context;
  const { ledgerMax = 0, copiedFacts = sources.copiedFacts } = options;
  return readFacts({ reader, copiedFacts, ledgerMax }, organizationId, RANGE);
}

const at = (ms: number): string => new Date(RANGE.from.getTime() + ms).toISOString();
const named = (name: string) => ({ session_id: name, agent: "claude-code", agent_version: "2.1.329" });
const wrote = { input_tokens: 10, output_tokens: 10, cache_write_5m_tokens: 9_000, cache_write_1h_tokens: 7 };

/** What the invented team does not do. */
function oddities(): ExecutionInput[] {
  const odd = (ms: number, partial: Partial<ExecutionInput>) =>
    makeExecution({ timestamp: at(ms), session: named("odd"), ...partial });
  return [
    odd(0, { session: named("first moment") }),
    odd(RANGE.to.getTime() - RANGE.from.getTime(), { session: named("too late"), model: "too-late" }),
    odd(-1, { session: named("too early"), model: "too-early" }),
    odd(1, { session: null, workspace: null, usage: wrote }),
    odd(2, { session: null, workspace: { repository: "acme/shop" }, usage: wrote }),
    odd(3, { session: named("half a repository"), workspace: null }),
    odd(4, { session: named("half a repository") }),
    odd(5, { session: named("two of everything"), command: "/a", usage: wrote }),
    odd(6, {
      session: named("two of everything"),
      command: "/b",
      model: "claude-opus-5-5",
      workspace: { repository: "acme/web" },
    }),
    odd(7, { model: "claude-unheard-of-9", reported_cost_usd: 1.25 }),
    odd(8, { model: "claude-unheard-of-9", session: named("without a price") }),
    odd(9, { model: null, usage: null, reported_cost_usd: 0.1 }),
    odd(10, { model: null, usage: null, session: null, status: "timeout" }),
    odd(11, { usage: { input_tokens: 5, output_tokens: 0 }, session: named("empty") }),
    odd(12, { usage: { input_tokens: 0, output_tokens: 0 }, session: named("free") }),
    // Within the tolerance, at it as far as numbers go, and beyond.
    ...[0.049, 0.0491, 0.06, 0.5].map((reported, index) => odd(20 + index, { reported_cost_usd: reported })),
    odd(31, { session: named("É 'quoted' \\ \"twice\""), workspace: { repository: "acme/ß" } }),
    odd(32, { status: "pending", session: named("pending") }),
    ...["API Error: 529 overloaded", "exited with code 1", null].map((message, index) =>
      odd(40 + index, { status: "failed", error_message: message }),
    ),
    odd(50, {
      session: named("long prompts"),
      model: "claude-haiku-5-5",
      usage: null,
      requests: [0, 1, 700].map((seconds) => ({
        id: uuidv7(),
        model: "claude-haiku-5-5",
        timestamp: at(50 + 1_000 * seconds),
        usage: { input_tokens: 100_001, output_tokens: 10, cache_write_5m_tokens: 500 },
      })),
    }),
    // Still at work an hour before the end.
    makeExecution({
      timestamp: new Date(NOW - 3_600_000).toISOString(),
      session: named("at work"),
      usage: wrote,
    }),
    makeExecution({
      timestamp: new Date(NOW - 3_600_001).toISOString(),
      session: named("at rest"),
      usage: wrote,
    }),
  ];
}

describe("with everything copied", () => {
  it("works out the same from the copy as from the ledger, to the last digit", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    const other = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([...generateDemo({ seed: "stores", now: new Date(NOW), weeks: 4 })], tenant.key);
    await insights.store(oddities(), tenant.key);
    await insights.store([makeExecution({ model: "theirs", session: named("theirs") })], other.key);

    const ledger = await fromLedger(tenant.organizationId);
    const copy = await fromEither(tenant.organizationId);
    expect([ledger.source, copy.source, copy.lacking]).toEqual(["ledger", "analytics", 0]);
    const { cells, sessions, requests, failures } = ledger.facts;
    const { sessions: copied } = copy.facts;
    expect(copy.facts.cells).toEqual(cells);
    // The logarithms of two programs may be apart in their last bit.
    expect(copied.medianLog).toBeCloseTo(sessions.medianLog ?? NaN, 12);
    expect(copied.madLog).toBeCloseTo(sessions.madLog ?? NaN, 12);
    const { medianLog, madLog } = sessions;
    expect({ ...copied, medianLog, madLog }).toEqual(sessions);
    expect(copy.facts.requests).toEqual(requests);
    expect(copy.facts.failures).toEqual(failures);

    // What is compared is there to be compared.
    expect(cells.executions).toBeGreaterThan(1_500);
    expect(cells.prices.some(({ differing }) => differing > 0)).toBe(true);
    expect(sessions.cacheReuse.some(({ unread }) => unread > 0)).toBe(true);
    expect(sessions.heavy).toContain("long prompts");
    expect(requests.long.length).toBeGreaterThan(0);
    expect(failures.length).toBeGreaterThan(3);
    expect(cells.cells.map(({ model }) => model)).not.toContain(expect.stringMatching(/too-|theirs/));
  });

  it("tells of nothing alike", async () => {
    const { organizationId } = await createTenant(insights.databases.adminDatabaseUrl);
    const ledger = await fromLedger(organizationId);
    const copied = await insights.context.sources.copiedFacts(organizationId, RANGE, {
      tolerance: { usd: "0.001", share: "0.01" },
      tieredModels: [],
    });
    expect(copied?.cells).toEqual(ledger.facts.cells);
    expect(copied?.sessions).toEqual(ledger.facts.sessions);
    expect(copied?.heavyExecutions).toEqual([]);
  });
});

describe("with executions that the copy does not have", () => {
  it("reads the ledger while more than one in a hundred is missing, and says how many are when it does not", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store(
      Array.from({ length: 200 }, (_, index) => makeExecution({ timestamp: at(index) })),
      tenant.key,
    );
    // As if they had come after the copy was read: it has 200 of 202, then of 203.
    const add = (): Promise<unknown> =>
      asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
        const { rows } = await sql.query<{ column_name: string }>(
          "select column_name from information_schema.columns where table_name = 'command_executions' and table_schema = 'public' order by ordinal_position",
        );
        const columns = rows.map(({ column_name: name }) => name);
        return sql.query(
          `insert into command_executions (${columns.join(", ")})
           select ${columns.map((name) => (name === "id" ? "gen_random_uuid()" : name)).join(", ")}
           from command_executions where organization_id = $1 limit 1`,
          [tenant.organizationId],
        );
      });
    await add();
    await add();
    expect(await fromEither(tenant.organizationId)).toMatchObject({
      source: "analytics",
      lacking: 2,
      facts: { cells: { executions: 200 } },
    });
    await add();
    expect(await fromEither(tenant.organizationId)).toMatchObject({
      source: "ledger",
      lacking: 0,
      facts: { cells: { executions: 203 } },
    });
  });

  it("reads the ledger when the copy still has what is gone", async () => {
    const tenant = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store(
      Array.from({ length: 20 }, (_, index) => makeExecution({ timestamp: at(index) })),
      tenant.key,
    );
    await asOwner(insights.databases.adminDatabaseUrl, (sql) =>
      sql.query("delete from command_executions where organization_id = $1 and timestamp > $2", [
        tenant.organizationId,
        at(9),
      ]),
    );
    expect(await fromEither(tenant.organizationId)).toMatchObject({
      source: "ledger",
      facts: { cells: { executions: 10 } },
    });
  });
});

describe("otherwise", () => {
  it("reads the ledger when there is little in it, or no copy to be had", async () => {
    const { organizationId, key } = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution({ timestamp: at(0) }), makeExecution({ timestamp: at(1) })], key);
    const away = createClickHouse({ url: "http://netra:wrong@127.0.0.1:9/netra_analytics" });
    const { copiedFacts } = createSources({
      reader: insights.context.reader,
      clickhouse: away,
      log: insights.context.log,
      now: Date.now,
      timeoutMs: 1_000,
    });
    expect((await fromEither(organizationId, { ledgerMax: 1 })).source).toBe("analytics");
    for (const options of [{ ledgerMax: 2 }, { copiedFacts }]) {
      expect(await fromEither(organizationId, options)).toMatchObject({
        source: "ledger",
        facts: { cells: { executions: 2 } },
      });
    }
    await away.close();
  });

  it("says in the answer and keeps with an analysis which store it came from", async () => {
    const { organizationId, key } = await createTenant(insights.databases.adminDatabaseUrl);
    await insights.store([makeExecution()], key);
    const { body } = await insights.getRaw("/v1/insights", key);
    expect(body).toMatchObject({ source: "ledger", lacking: 0, executions: 1 });
    const { pool, reader, sources } = insights.context;
    const analyses = createAnalyses({
      pool,
      reader,
      copiedFacts: sources.copiedFacts,
      ledgerMax: 0,
      now: Date.now,
      ttlMs: 600_000,
      maxAgeMs: 0,
      inTurn: (_organizationId, work) => work(),
    });
    const range = { from: RANGE.from, to: new Date(Date.now() + 1) };
    const analysis = { source: "analytics", lacking: 0, executions: 1 };
    expect(await analyses.analyse(organizationId, range)).toMatchObject({ cached: false, analysis });
    // What other tests commit to the same server ends what is cached.
    await expect
      .poll(() => analyses.analyse(organizationId, range), { interval: 1, timeout: 30_000 })
      .toMatchObject({ cached: true, analysis });
  });
});
