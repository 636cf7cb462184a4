import { readFile } from "node:fs/promises";
import { platform } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { createClient } from "@clickhouse/client";
import { afterEach, describe, expect, it } from "vitest";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { createDatabases } from "../helpers/databases.ts";
import { startOwnClickHouse, startOwnPostgres } from "../helpers/embedded-servers.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { type Answer, type Ingest, postBytes, postJson, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

/** What this file guards: whatever fails or dies, an acknowledged execution is in the ledger, once, and in the copy, once. */
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function cleanUpLater<T extends { close: () => Promise<unknown> }>(resource: T): T {
  cleanUps.push(() => resource.close());
  return resource;
}

async function countInLedger(
  adminDatabaseUrl: string,
): Promise<{ rows: number; ids: number; tokens: string | null }> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const text = `select count(*)::int as rows, count(distinct id)::int as ids, sum(total_tokens)::text as tokens
      from command_executions where status <> 'pending'`;
    const { rows } = await sql.query<{ rows: number; ids: number; tokens: string | null }>(text);
    return rows[0] ?? { rows: 0, ids: 0, tokens: null };
  });
}

async function askAnalytics<Row>(clickhouseUrl: string, query: string): Promise<Row> {
  const client = createClient({ url: clickhouseUrl });
  try {
    const rows = await (await client.query({ query, format: "JSONEachRow" })).json<Row>();
    if (rows[0] === undefined) throw new Error("the query answered nothing");
    return rows[0];
  } finally {
    await client.close();
  }
}

function countInAnalytics(
  clickhouseUrl: string,
): Promise<{ rows: number; ids: number; tokens: string | null }> {
  return askAnalytics(
    clickhouseUrl,
    "select toInt32(count()) as rows, toInt32(uniqExact(id)) as ids, toString(sum(total_tokens)) as tokens from executions",
  );
}

/** The copy has what the ledger has, in the table and in the materialized view over it. Call it when nothing goes on. */
async function expectEqualTotals(databases: Ingest["databases"]): Promise<void> {
  const ledger = await countInLedger(databases.adminDatabaseUrl);
  expect(await countInAnalytics(databases.clickhouseUrl)).toEqual(ledger);
  const hourly =
    "select toInt32(sum(executions)) as rows, toString(sum(total_tokens)) as tokens from executions_hourly";
  expect(await askAnalytics(databases.clickhouseUrl, hourly)).toEqual({
    rows: ledger.rows,
    tokens: ledger.tokens,
  });
}

async function relayAll(url: string, key: string): Promise<void> {
  const response = await fetch(`${url}/v1/relay`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ waiting: 0 });
}

/** Sends small batches from several senders until told to stop; collects what was acknowledged and what was not. */
function startLoad(url: () => string, key: string, senders = 8) {
  const acknowledged = new Set<string>();
  const statuses: number[] = [];
  const failures: unknown[] = [];
  const stopping = new AbortController();
  async function sendUntilStopped(): Promise<void> {
    while (!stopping.signal.aborted) {
      const executions = Array.from({ length: 5 }, () => makeExecution());
      try {
        const answer = await postJson(url(), key, { executions });
        statuses.push(answer.status);
        if (answer.status === 200) for (const execution of executions) acknowledged.add(execution.id);
        else await delay(20);
      } catch (error) {
        failures.push(error);
        await delay(20);
      }
    }
  }
  const running = Promise.all(Array.from({ length: senders }, sendUntilStopped));
  return {
    acknowledged,
    statuses,
    failures,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function missingFromLedger(adminDatabaseUrl: string, ids: ReadonlySet<string>): Promise<string[]> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const text =
      "select id from unnest($1::uuid[]) as id where id not in (select id from command_executions)";
    return (await sql.query<{ id: string }>(text, [[...ids]])).rows.map((row) => row.id);
  });
}

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; !(await what()); tries += 1) {
    if (tries > 600) throw new Error("it did not happen in time");
    await delay(50);
  }
}

async function startProcess(): Promise<{
  process: FunctionProcess;
  start: () => Promise<FunctionProcess>;
  databases: Ingest["databases"];
  key: string;
}> {
  const databases = cleanUpLater(await createDatabases());
  const { key } = await createTenant(databases.adminDatabaseUrl);
  const start = async (): Promise<FunctionProcess> => {
    const started = await startFunctionProcess("ingest", {
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      NETRA_REQUESTS_PER_SECOND: "100000",
    });
    cleanUps.push(() => started.end("SIGKILL"));
    return started;
  };
  return { process: await start(), start, databases, key };
}

describe("repeats", () => {
  it("stores every row of 100 identical batches in parallel once", async () => {
    const ingest = cleanUpLater(await startIngest());
    const executions = Array.from({ length: 50 }, () => makeExecution());
    const answers = await Promise.all(Array.from({ length: 100 }, () => ingest.post({ executions })));
    const sum = (field: "accepted" | "duplicates"): number =>
      answers.reduce((all, { body }) => all + body[field], 0);
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    expect({ accepted: sum("accepted"), duplicates: sum("duplicates") }).toEqual({
      accepted: 50,
      duplicates: 4_950,
    });
    expect(await countInLedger(ingest.databases.adminDatabaseUrl)).toMatchObject({ rows: 50, ids: 50 });
    await relayAll(ingest.url, ingest.tenant.key);
    expect(await countInAnalytics(ingest.databases.clickhouseUrl)).toMatchObject({ rows: 50, ids: 50 });
  });
});

describe("the process", () => {
  it("has every acknowledged execution in the ledger, and each once in the copy, after SIGKILL under load", async () => {
    const { process, start, databases, key } = await startProcess();
    let current = process;
    const load = startLoad(() => current.url, key);
    for (let kills = 1; kills <= 3; kills += 1) {
      const before = load.acknowledged.size;
      await until(() => load.acknowledged.size > before + 100);
      await current.end("SIGKILL");
      current = await start();
    }
    await load.stop();
    expect(await missingFromLedger(databases.adminDatabaseUrl, load.acknowledged)).toEqual([]);
    const ledger = await countInLedger(databases.adminDatabaseUrl);
    expect(ledger.rows).toBe(ledger.ids);
    await relayAll(current.url, key);
    await expectEqualTotals(databases);
  });

  it("answers every request it has taken, and exits with 0, after SIGTERM under load", async () => {
    const { process, databases, key } = await startProcess();
    const load = startLoad(() => process.url, key);
    await until(() => load.acknowledged.size > 200);
    const exitCode = process.end("SIGTERM");
    expect(await exitCode).toBe(0);
    await load.stop();
    expect(load.statuses.filter((status) => status !== 200)).toEqual([]);
    // Once it no longer listens, connecting is refused; that is no request that failed.
    const codes = load.failures.map(
      (error) => ((error as Error).cause as { code?: string } | undefined)?.code,
    );
    expect([...new Set(codes)].filter((code) => code !== "ECONNREFUSED")).toEqual([]);
    expect(await missingFromLedger(databases.adminDatabaseUrl, load.acknowledged)).toEqual([]);
  });
});

describe("hostile bodies", () => {
  it.skipIf(platform() !== "linux")(
    "cost no memory: gzip bombs and endless bodies are refused while the process stays small",
    async () => {
      const { process, key } = await startProcess();
      const bomb = gzipSync(Buffer.alloc(512 * 1024 * 1024));
      const chunk = new Uint8Array(1024 * 1024).fill(91);
      const endless = (): ReadableStream => {
        let sent = 0;
        return new ReadableStream({
          pull(controller) {
            sent += 1;
            if (sent > 40) controller.close();
            else controller.enqueue(chunk);
          },
        });
      };
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      for (let rounds = 0; rounds < 3; rounds += 1) {
        const answers = await Promise.all([
          postBytes(process.url, key, bomb, {
            "content-type": "application/json",
            "content-encoding": "gzip",
          }),
          fetch(`${process.url}/v1/executions`, { method: "POST", headers, body: endless(), duplex: "half" }),
        ]);
        expect(answers.map((answer) => answer.status)).toEqual([413, 413]);
      }
      // The largest the process has ever been; unguarded, one of these bodies takes it over half a gigabyte.
      const peakKb = /VmHWM:\s+(\d+) kB/.exec(
        await readFile(`/proc/${process.child.pid}/status`, "utf8"),
      )?.[1];
      expect(Number(peakKb)).toBeLessThan(350 * 1024);
    },
  );
});

describe("the stores", () => {
  it("answers 503 with Retry-After while PostgreSQL is away, and is well by itself afterwards", async () => {
    const postgres = cleanUpLater(await startOwnPostgres());
    const shared = cleanUpLater(await createDatabases());
    const databases = { ...postgres, clickhouseUrl: shared.clickhouseUrl };
    const ingest = cleanUpLater(await startIngest({ databases }));
    const load = startLoad(() => ingest.url, ingest.tenant.key, 4);
    await until(() => load.acknowledged.size > 50);
    await postgres.stop();
    await until(() => load.statuses.filter((status) => status === 503).length > 3);
    const refused: Answer = await ingest.post(makeExecution());
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    await postgres.start();
    const before = load.acknowledged.size;
    await until(() => load.acknowledged.size > before + 50);
    await load.stop();
    expect(new Set(load.statuses)).toEqual(new Set([200, 503]));
    expect(load.failures).toEqual([]);
    expect(await missingFromLedger(databases.adminDatabaseUrl, load.acknowledged)).toEqual([]);
  });

  it("takes everything while ClickHouse is away, and has equal totals after it is back", async () => {
    const shared = cleanUpLater(await createDatabases());
    const clickhouse = cleanUpLater(await startOwnClickHouse(shared.adminDatabaseUrl));
    const databases = { ...shared, clickhouseUrl: clickhouse.clickhouseUrl };
    const ingest = cleanUpLater(await startIngest({ databases }));
    await clickhouse.stop();
    const load = startLoad(() => ingest.url, ingest.tenant.key);
    await until(() => load.acknowledged.size > 1_000);
    await load.stop();
    expect([...new Set(load.statuses)]).toEqual([200]);
    expect(load.failures).toEqual([]);
    await clickhouse.start();
    await relayAll(ingest.url, ingest.tenant.key);
    const ledger = await countInLedger(databases.adminDatabaseUrl);
    expect(ledger.ids).toBe(load.acknowledged.size);
    await expectEqualTotals(databases);
  });

  it("catches up by itself at the next write once ClickHouse is back", async () => {
    const shared = cleanUpLater(await createDatabases());
    const clickhouse = cleanUpLater(await startOwnClickHouse(shared.adminDatabaseUrl));
    const databases = { ...shared, clickhouseUrl: clickhouse.clickhouseUrl };
    const ingest = cleanUpLater(await startIngest({ databases }));
    await clickhouse.stop();
    await ingest.post(makeExecution());
    await clickhouse.start();
    await ingest.post(makeExecution());
    await until(async () => (await countInAnalytics(databases.clickhouseUrl)).rows === 2);
    expect(await countInLedger(databases.adminDatabaseUrl)).toMatchObject({ rows: 2 });
  });

  it("lets a record the ledger refuses fall alone", async () => {
    const ingest = cleanUpLater(await startIngest());
    await asOwner(ingest.databases.adminDatabaseUrl, (sql) =>
      sql.query(
        "alter table command_executions add constraint no_sevens check (execution_sequence <> 7) not valid",
      ),
    );
    const executions: ExecutionInput[] = [1, 7, 3].map((sequence) =>
      makeExecution({ execution_sequence: sequence }),
    );
    const { body } = await ingest.post({ executions });
    expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 1, id: executions[1]?.id }] });
  });
});
