import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { expect, it, onTestFinished } from "vitest";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { type Answer, postJson } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { listLedger, terminateSessions, until } from "../helpers/stored.ts";
import { createTenant } from "../helpers/tenant.ts";

/** What this file guards: a database session that ends, whatever it was doing, ends no process and loses no record. */
interface Running {
  process: FunctionProcess;
  databases: TestDatabases;
  key: string;
}

async function startProcess(env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const databases = await createDatabases();
  onTestFinished(() => databases.close());
  const { key } = await createTenant(databases.adminDatabaseUrl);
  const process = await startFunctionProcess("ingest", {
    DATABASE_URL: databases.databaseUrl,
    CLICKHOUSE_URL: databases.clickhouseUrl,
    NETRA_REQUESTS_PER_SECOND: "100000",
    ...env,
  });
  onTestFinished(async () => {
    await process.end("SIGKILL");
  });
  return { process, databases, key };
}

function isStoredOrAskedToReturn({ status, headers }: Answer): boolean {
  return status === 200 || (status === 503 && Number(headers.get("retry-after")) >= 1);
}

/** Senders that repeat each body until it is acknowledged, as clients do. */
function startSenders({ process, key }: Running) {
  const pairs = new Set<string>();
  const batches = new Set<string>();
  const surprises: unknown[] = [];
  const stopping = new AbortController();
  let asked = 0;

  async function send(body: unknown): Promise<boolean> {
    for (let tries = 0; tries < 2_000; tries += 1) {
      try {
        asked += 1;
        const answer = await postJson(process.url, key, body);
        if (!isStoredOrAskedToReturn(answer)) surprises.push([answer.status, answer.body]);
        if (answer.status === 200) return true;
      } catch (error) {
        surprises.push(error);
      }
      if (surprises.length > 0) return false;
      await delay(20);
    }
    surprises.push("a body was never acknowledged");
    return false;
  }
  async function sendPairs(): Promise<void> {
    while (!stopping.signal.aborted && surprises.length === 0) {
      const id = uuidv7();
      if (!(await send(makeExecution({ id, status: "pending" })))) return;
      if (!(await send(makeExecution({ id, status: "completed" })))) return;
      pairs.add(id);
    }
  }
  async function sendBatches(): Promise<void> {
    while (!stopping.signal.aborted && surprises.length === 0) {
      const executions = Array.from({ length: 50 }, () => makeExecution());
      if (!(await send({ executions }))) return;
      for (const { id } of executions) batches.add(id);
    }
  }
  const running = Promise.all([
    ...Array.from({ length: 6 }, sendPairs),
    ...Array.from({ length: 2 }, sendBatches),
  ]);
  return {
    pairs,
    batches,
    surprises,
    asked: () => asked,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

it("keeps every acknowledged record, and senders only see 200 or 503, while all sessions are ended under load", async () => {
  const running = await startProcess();
  const senders = startSenders(running);
  for (let rounds = 1; rounds <= 6; rounds += 1) {
    const pairs = senders.pairs.size;
    const batches = senders.batches.size;
    await until(
      () =>
        senders.surprises.length > 0 || (senders.pairs.size > pairs + 20 && senders.batches.size > batches),
    );
    await terminateSessions(running.databases.adminDatabaseUrl);
  }
  await senders.stop();
  expect(senders.surprises).toEqual([]);
  expect(running.process.child.exitCode).toBeNull();
  const ledger = new Map(
    (await listLedger(running.databases.adminDatabaseUrl)).map(({ id, status }) => [id, status]),
  );
  const acknowledged = [...senders.pairs, ...senders.batches];
  expect(acknowledged.filter((id) => ledger.get(id) !== "completed")).toEqual([]);
}, 120_000);

it("outlives the end of the relay's session while the analytics store hangs", async () => {
  const sockets = new Set<Socket>();
  const hanging = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.resume();
  });
  hanging.listen(0, "127.0.0.1");
  await once(hanging, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    hanging.close();
  });
  const { process, databases, key } = await startProcess({
    CLICKHOUSE_URL: `http://netra:none@127.0.0.1:${(hanging.address() as AddressInfo).port}/netra_analytics`,
    NETRA_ANALYTICS_TIMEOUT_MS: "20000",
  });
  const acknowledged = new Set<string>();
  const surprises: unknown[] = [];
  async function send(): Promise<void> {
    const execution = makeExecution();
    const answer = await postJson(process.url, key, execution);
    if (!isStoredOrAskedToReturn(answer)) surprises.push([answer.status, answer.body]);
    if (answer.status === 200) acknowledged.add(execution.id);
  }
  await send();
  await until(() => sockets.size > 0);
  for (let rounds = 1; rounds <= 3; rounds += 1) {
    const before = acknowledged.size;
    expect(await terminateSessions(databases.adminDatabaseUrl)).toBeGreaterThan(0);
    await until(async () => {
      await send();
      return acknowledged.size > before + 5;
    });
  }
  expect(surprises).toEqual([]);
  expect(process.child.exitCode).toBeNull();
  const ids = new Set((await listLedger(databases.adminDatabaseUrl)).map((row) => row.id));
  expect([...acknowledged].filter((id) => !ids.has(id))).toEqual([]);
}, 120_000);
