import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { createDatabases } from "../helpers/databases.ts";
import { startFunctionProcess } from "../helpers/function-process.ts";
import { type Ingest, postJson, postNdjson, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { listAnalytics, listLedger, relayUntilEmpty } from "../helpers/stored.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

/** What this file guards: an id is one execution, however often, in whatever order and through whomever it comes. */
async function start(): Promise<Ingest> {
  const ingest = await startIngest();
  onTestFinished(() => ingest.close());
  return ingest;
}

describe("one body with the same id many times", () => {
  it("stores it once and calls all the others duplicates", async () => {
    const ingest = await start();
    const execution = makeExecution();
    const { status, body } = await postNdjson(
      ingest.url,
      ingest.tenant.key,
      Array.from({ length: 5_000 }, () => execution),
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 1, duplicates: 4_999, updated: 0, rejected: [] });
    expect(await listLedger(ingest.databases.adminDatabaseUrl)).toEqual([
      { id: execution.id, status: "completed" },
    ]);
  });

  it.each([
    ["side by side", 1],
    ["far apart", 1_500],
  ])("completes it when pending and terminal records stand %s", async (_where, between) => {
    const ingest = await start();
    const pending = makeExecution({ status: "pending" });
    const completed = { ...pending, status: "completed" } as const;
    const others = Array.from({ length: between }, () => makeExecution());
    const { status, body } = await postNdjson(ingest.url, ingest.tenant.key, [
      pending,
      pending,
      ...others,
      completed,
      pending,
      completed,
    ]);
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: between + 1, updated: 1, duplicates: 3, rejected: [] });
    const rows = await listLedger(ingest.databases.adminDatabaseUrl);
    expect(rows).toHaveLength(between + 1);
    expect(rows.filter((row) => row.status !== "completed")).toEqual([]);
  });

  it("takes an id in capitals for the same id", async () => {
    const ingest = await start();
    const execution = makeExecution();
    const capitals = { ...execution, id: execution.id.toUpperCase() };
    const { status, body } = await ingest.post({ executions: [execution, capitals] });
    expect([status, body.accepted, body.duplicates]).toEqual([200, 1, 1]);
    expect((await ingest.post(capitals)).body).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(await listLedger(ingest.databases.adminDatabaseUrl)).toHaveLength(1);
  });

  it("ends terminal also when the pending record comes last", async () => {
    const ingest = await start();
    const completed = makeExecution();
    const pending = { ...completed, status: "pending" } as const;
    const { status, body } = await ingest.post({ executions: [completed, pending, pending] });
    expect([status, body.accepted, body.accepted + body.updated + body.duplicates]).toEqual([200, 1, 3]);
    expect(await listLedger(ingest.databases.adminDatabaseUrl)).toEqual([
      { id: completed.id, status: "completed" },
    ]);
  });
});

async function pruneKey(ingest: Ingest, id: string): Promise<void> {
  await asOwner(ingest.databases.adminDatabaseUrl, (sql) =>
    sql.query("delete from ingest_keys where id = $1", [id]),
  );
}

describe("an id whose key was pruned", () => {
  it("is still completed by the terminal record of the same time", async () => {
    const ingest = await start();
    const pending = makeExecution({ status: "pending" });
    await ingest.post(pending);
    await pruneKey(ingest, pending.id);
    const { status, body } = await ingest.post({
      executions: [makeExecution(), { ...pending, status: "completed" }],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 1, updated: 1, duplicates: 0, rejected: [] });
    const rows = await listLedger(ingest.databases.adminDatabaseUrl);
    expect(rows.find((row) => row.id === pending.id)?.status).toBe("completed");
    await relayUntilEmpty(ingest.url, ingest.tenant.key);
    expect(await listAnalytics(ingest.databases.clickhouseUrl)).toEqual(rows);
  });

  it("is a duplicate when its terminal record comes again", async () => {
    const ingest = await start();
    const execution = makeExecution();
    await ingest.post(execution);
    await pruneKey(ingest, execution.id);
    const { status, body } = await ingest.post({ executions: [makeExecution(), execution] });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 1, updated: 0, duplicates: 1, rejected: [] });
  });
});

/** An order that is always the same and has nothing to do with the order of the ids. */
function shuffled(executions: readonly ExecutionInput[], seed: string): ExecutionInput[] {
  const place = (execution: ExecutionInput): string =>
    createHash("sha256").update(`${seed} ${execution.id} ${execution.status}`).digest("hex");
  return executions.toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
}

it("has each id once and terminal in both stores when two processes race for the same ids in other orders", async () => {
  const databases = await createDatabases();
  onTestFinished(() => databases.close());
  const { key } = await createTenant(databases.adminDatabaseUrl);
  const env = {
    DATABASE_URL: databases.databaseUrl,
    CLICKHOUSE_URL: databases.clickhouseUrl,
    NETRA_REQUESTS_PER_SECOND: "100000",
  };
  const urls: string[] = [];
  for (let processes = 0; processes < 2; processes += 1) {
    const started = await startFunctionProcess("ingest", env);
    onTestFinished(async () => {
      await started.end("SIGKILL");
    });
    urls.push(started.url);
  }
  const statuses = new Set<number>();
  async function send(url: string, body: unknown): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      const { status } = await postJson(url, key, body);
      statuses.add(status);
      if (status === 200) return;
      await delay(20);
    }
    throw new Error("a body was never acknowledged");
  }

  const ids: string[] = [];
  for (let rounds = 0; rounds < 4; rounds += 1) {
    const executions = Array.from({ length: 60 }, () => uuidv7()).flatMap((id) => {
      const pending = makeExecution({ id, status: "pending" });
      const ended = [{ status: "completed" as const }, { status: "failed" as const }];
      ids.push(id);
      return [pending, ...ended.map((end) => ({ ...pending, ...end }))];
    });
    await Promise.all(
      urls.flatMap((url) => {
        const seed = `${urls.indexOf(url)} ${rounds}`;
        return [
          send(url, { executions: shuffled(executions, seed) }),
          ...shuffled(executions, `${seed} alone`)
            .slice(0, 60)
            .map((execution) => send(url, execution)),
        ];
      }),
    );
  }
  expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
  const ledger = await listLedger(databases.adminDatabaseUrl);
  expect(ledger.map((row) => row.id)).toEqual(ids.toSorted());
  expect(ledger.filter((row) => row.status === "pending")).toEqual([]);
  await relayUntilEmpty(urls[0] ?? "", key);
  expect(await listAnalytics(databases.clickhouseUrl)).toEqual(ledger);
}, 120_000);
