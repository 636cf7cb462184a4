import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSources } from "../../functions/insights/sources.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { startFunctionProcess } from "../helpers/function-process.ts";
import { postJson, startIngest } from "../helpers/ingest.ts";
import { type Insights, startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { primaryReader } from "../helpers/primary-reader.ts";
import { asOwner } from "../helpers/tenant.ts";

const AWAY = "http://netra:wrong@127.0.0.1:9/netra_analytics";

describe("with the analytics copy away", () => {
  let insights: Insights;

  beforeAll(async () => {
    insights = await startInsights({ CLICKHOUSE_URL: AWAY });
    await insights.store([makeExecution()]);
  });
  afterAll(() => insights?.close());

  it("answers from the ledger and says so", async () => {
    const answer = await insights.get({});
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ source: "ledger", fallback: true, total: { executions: 1 } });
    expect(insights.logLines.some((line) => line.includes("the analytics copy did not answer"))).toBe(true);
  });

  it("says that it cannot answer from there when it was asked to, and what works instead", async () => {
    const answer = await insights.get({ source: "analytics" });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.problem.detail).toContain("source=ledger");
    expect((await insights.get({ source: "ledger" })).body).toMatchObject({
      fallback: false,
      total: { executions: 1 },
    });
  });
});

it("gives the same figures from both sources after an outage of the copy, repeated sends and late completions", async () => {
  const insights = await startInsights();
  const ingest = await startIngest({ databases: insights.databases, env: { CLICKHOUSE_URL: AWAY } });
  try {
    const { key } = insights.tenant;
    const pending = makeExecution({ status: "pending" });
    const executions = [pending, ...Array.from({ length: 30 }, () => makeExecution())];
    await postJson(ingest.url, key, { executions });
    const behind = await insights.get({ source: "analytics" });
    expect([behind.body.total.executions, behind.body.pending]).toEqual([0, 1]);
    expect((await insights.get({ source: "ledger" })).body.total.executions).toBe(30);

    await insights.store([...executions, makeExecution()]);
    await postJson(
      ingest.url,
      key,
      makeExecution({ id: pending.id, timestamp: pending.timestamp, status: "timeout" }),
    );
    await insights.store(executions);
    const [ledger, analytics] = [
      await insights.get({ source: "ledger" }),
      await insights.get({ source: "analytics" }),
    ];
    expect(ledger.body).toMatchObject({ pending: 0, total: { executions: 32, failures: 1 } });
    expect(analytics.body).toEqual({ ...ledger.body, source: "analytics" });
  } finally {
    await ingest.close();
    await insights.close();
  }
});

it("runs alone in a process of its own and ends at once when asked to", async () => {
  const insights = await startInsights();
  const { databaseUrl, clickhouseUrl } = insights.databases;
  const alone = await startFunctionProcess("insights", {
    DATABASE_URL: databaseUrl,
    CLICKHOUSE_URL: clickhouseUrl,
  });
  try {
    await insights.store([makeExecution()]);
    const response = await fetch(`${alone.url}/v1/summary`, {
      headers: { authorization: `Bearer ${insights.tenant.key}` },
    });
    expect(await response.json()).toMatchObject({ source: "analytics", total: { executions: 1 } });
    expect(await alone.end("SIGTERM")).toBe(0);
  } finally {
    await alone.end("SIGKILL");
    await insights.close();
  }
});

it("answers from the ledger in time when the analytics copy accepts questions and never answers", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  const insights = await startInsights({
    CLICKHOUSE_URL: `http://u:p@127.0.0.1:${port}/netra_analytics`,
    NETRA_QUERY_TIMEOUT_MS: "500",
  });
  try {
    expect((await insights.get({})).body).toMatchObject({ source: "ledger", fallback: true });
  } finally {
    await insights.close();
    silent.close();
    silent.closeAllConnections();
  }
});

it("leaves an analytics copy that failed alone for a while, then asks it again", async () => {
  let questions = 0;
  const broken = createServer((_request, response) => {
    questions += 1;
    response.destroy();
  });
  await new Promise<void>((resolve) => broken.listen(0, "127.0.0.1", resolve));
  const { port } = broken.address() as AddressInfo;
  const clickhouse = createClickHouse({
    url: `http://u:p@127.0.0.1:${port}/netra_analytics`,
    requestTimeoutMs: 2_000,
  });
  const pool = createPool({
    databaseUrl: "postgres://none",
    connectionsMax: 1,
    applicationName: "test",
    log: () => undefined,
  });
  let now = 0;
  const reader = primaryReader(pool);
  const sources = createSources({
    reader,
    clickhouse,
    log: () => undefined,
    now: () => now,
    timeoutMs: 2_000,
  });
  const query = { from: new Date(0), to: new Date(1), groupBy: "day", limit: 1, offset: 0 } as const;
  try {
    expect(await sources.analytics(randomUUID(), query)).toBeNull();
    const asked = questions;
    expect(asked).toBeGreaterThan(0);
    expect(await sources.analytics(randomUUID(), query)).toBeNull();
    expect(questions).toBe(asked);
    now += 60_000;
    expect(await sources.analytics(randomUUID(), query)).toBeNull();
    expect(questions).toBeGreaterThan(asked);
    const askedAgain = questions;
    now -= 3_600_000;
    expect(await sources.analytics(randomUUID(), query)).toBeNull();
    expect(questions).toBeGreaterThan(askedAgain);
  } finally {
    await clickhouse.close();
    await pool.end();
    broken.close();
    broken.closeAllConnections();
  }
});

it("asks to come again when the ledger is away", async () => {
  const insights = await startInsights();
  try {
    await insights.get({});
    await asOwner(insights.databases.adminDatabaseUrl, async (sql) => {
      await sql.query("begin");
      await sql.query("lock table command_executions in access exclusive mode");
      const answer = await insights.get({ source: "ledger" });
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      await sql.query("rollback");
    });
    expect((await insights.get({ source: "ledger" })).status).toBe(200);
  } finally {
    await insights.close();
  }
});
