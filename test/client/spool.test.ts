import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deliverExecutions, flushSpool } from "../../client/deliver.ts";
import { createPending, finishOrphans, KILLED_MESSAGE } from "../../client/pending.ts";
import { identifyProcess } from "../../client/process-identity.ts";
import type { Spool } from "../../client/spool.ts";
import {
  addToSpool,
  listSpool,
  measureSpool,
  openSpool,
  SpoolFullError,
  targetOf,
} from "../../client/spool.ts";
import { claimBatches, recoverClaims } from "../../client/spool-claims.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import type { Fault } from "./fake-server.ts";
import { answer, freePort, startFakeServer } from "./fake-server.ts";

const FAST = { deadlineMs: 30_000, timeoutMs: 20_000, attemptsMax: 1, random: () => 0 };
const open: { close(): Promise<void> }[] = [];
let folder: string;
let spool: Spool;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "netra-spool-"));
  spool = openSpool(folder);
});
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
  rmSync(folder, { recursive: true });
});

async function serve(fault?: Fault) {
  const server = await startFakeServer(fault);
  open.push(server);
  return { server, connection: { url: server.url, apiKey: "ntr_a" } };
}

/** Puts a claim's owner into the past: a process that has ended. */
function killOwner(): void {
  const [name] = listSpool(spool, "claimed");
  if (name === undefined) throw new Error("nothing is claimed");
  const gone = Buffer.from(JSON.stringify({ ...identifyProcess(process.pid), started: "before" })).toString(
    "base64url",
  );
  const claimed = join(spool.folder, "claimed");
  renameSync(join(claimed, name), join(claimed, `${name.slice(0, name.lastIndexOf("."))}.${gone}`));
}

/** A run whose client, started at another time, has ended. */
function orphan(): void {
  const execution = makeExecution({ status: "pending" });
  createPending(folder, execution, null);
  const path = join(folder, "pending", `${execution.id}.json`);
  const file = JSON.parse(readFileSync(path, "utf8")) as { owner: Record<string, unknown> };
  writeFileSync(path, JSON.stringify({ ...file, owner: { ...file.owner, started: "before" } }));
}

describe("the spool", () => {
  it("keeps what could not be sent and sends it once when the server is back", async () => {
    const port = await freePort();
    const connection = { url: `http://127.0.0.1:${port}`, apiKey: "ntr_a" };
    const executions = [makeExecution(), makeExecution()];
    const delivery = await deliverExecutions(spool, connection, executions, FAST);
    expect(delivery).toMatchObject({ spooled: 2, answer: { accepted: 0 } });

    const server = await startFakeServer(undefined, port);
    open.push(server);
    const flush = await flushSpool(spool, connection, FAST);
    const again = await flushSpool(spool, connection, FAST);

    expect(flush).toMatchObject({ answer: { accepted: 2 }, batchesSent: 1, batchesLeft: 0, reason: null });
    expect(again).toMatchObject({ answer: { accepted: 0 }, batchesSent: 0 });
    expect(server.requests).toHaveLength(1);
  });

  it("keeps everything when the server is away again in the middle of a flush", async () => {
    const { server, connection } = await serve((attempt, _records, response) =>
      attempt === 2 ? answer(response, 503, {}) : false,
    );
    for (let count = 0; count < 3; count++) addToSpool(spool, [makeExecution()], targetOf(connection));

    const first = await flushSpool(spool, connection, FAST);
    expect(first).toMatchObject({ batchesSent: 1, batchesLeft: 2 });
    expect(first.reason).toContain("503");
    await flushSpool(spool, connection, FAST);

    expect(server.stored.size).toBe(3);
    expect(measureSpool(spool).files).toBe(0);
  });

  it("sends each batch once though two flushes run at the same time", async () => {
    const { server, connection } = await serve();
    for (let count = 0; count < 20; count++) addToSpool(spool, [makeExecution()], targetOf(connection));

    const flushes = await Promise.all([
      flushSpool(spool, connection, FAST),
      flushSpool(openSpool(folder), connection, FAST),
    ]);

    expect(flushes.reduce((sum, { batchesSent }) => sum + batchesSent, 0)).toBe(20);
    expect(server.requests).toHaveLength(20);
    expect(server.stored.size).toBe(20);
  });

  it("takes back what a killed process had claimed, and leaves what a living one has", async () => {
    const { server, connection } = await serve();
    addToSpool(spool, [makeExecution()], targetOf(connection));
    const claim = claimBatches(spool, () => true).next();
    expect(claim.done).toBe(false);

    expect(recoverClaims(spool)).toBe(0);
    killOwner();
    await flushSpool(spool, connection, FAST);

    expect(server.stored.size).toBe(1);
  });

  it("puts what the server rejects aside with its reasons and sends the rest", async () => {
    const bad = makeExecution();
    const { server, connection } = await serve((_attempt, records, response) => {
      const index = records.findIndex(({ id }) => id === bad.id);
      if (index === -1) return false;
      const rejected = [{ index, id: bad.id, errors: [{ pointer: "/usage", detail: "is wrong" }] }];
      return answer(response, records.length === 1 ? 400 : 200, { accepted: 1, duplicates: 0, rejected });
    });
    addToSpool(spool, [makeExecution(), bad], targetOf(connection));
    addToSpool(spool, [makeExecution()], targetOf(connection));
    const flush = await flushSpool(spool, connection, FAST);

    expect(flush).toMatchObject({ batchesSent: 2, batchesLeft: 0, answer: { rejected: [{ id: bad.id }] } });
    const [name] = listSpool(spool, "rejected");
    const [line = ""] = readFileSync(join(spool.folder, "rejected", name ?? ""), "utf8").split("\n");
    expect(JSON.parse(line)).toEqual({ errors: [{ pointer: "/usage", detail: "is wrong" }], execution: bad });
    expect(server.requests).toHaveLength(2);
  });

  it("does not give one organization's records to another", async () => {
    const { server, connection } = await serve();
    addToSpool(spool, [makeExecution()], targetOf({ ...connection, apiKey: "ntr_other" }));
    addToSpool(
      spool,
      [makeExecution()],
      targetOf({ ...connection, url: "https://elsewhere.example/ingest" }),
    );
    addToSpool(spool, [makeExecution()], null);

    expect(await flushSpool(spool, connection, FAST)).toMatchObject({ batchesSent: 1, batchesForOthers: 2 });
    expect(await flushSpool(spool, connection, { ...FAST, everything: true })).toMatchObject({
      batchesSent: 2,
    });
    expect(server.stored.size).toBe(3);
  });

  it("refuses loudly what is over its limits, and loses nothing it had", () => {
    const small = openSpool(folder, { filesMax: 2 });
    addToSpool(small, [makeExecution()], null);
    addToSpool(small, [makeExecution()], null);
    expect(() => addToSpool(small, [makeExecution()], null)).toThrow(SpoolFullError);
    expect(() => addToSpool(small, [makeExecution()], null)).toThrow(/NOT kept/);

    const tight = openSpool(folder, { bytesMax: measureSpool(small).bytes + 10 });
    expect(() => addToSpool(tight, [makeExecution()], null)).toThrow(SpoolFullError);
    expect(measureSpool(small).files).toBe(2);
  });

  it("moves a damaged file out of the way of the others", async () => {
    const { server, connection } = await serve();
    addToSpool(spool, [makeExecution()], targetOf(connection));
    writeFileSync(join(spool.folder, "ready", "0.ndjson"), '{"netraSpool":1,"target":null}\n{"id":');
    const flush = await flushSpool(spool, connection, FAST);

    expect(flush).toMatchObject({ batchesSent: 1, batchesLeft: 0 });
    expect(readdirSync(join(spool.folder, "rejected"))).toEqual(["0.ndjson.damaged"]);
    expect(server.stored.size).toBe(1);
  });

  it("can be read by its owner only, and holds no key", async () => {
    const connection = { url: `http://127.0.0.1:${await freePort()}`, apiKey: "ntr_secret_key" };
    await deliverExecutions(spool, connection, [makeExecution()], FAST);
    const [name = ""] = listSpool(spool, "ready");
    const path = join(spool.folder, "ready", name);

    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(spool.folder, "ready")).mode & 0o777).toBe(0o700);
    expect(readFileSync(path, "utf8")).not.toContain("ntr_secret_key");
  });
});

describe("a run whose client was killed", () => {
  it("is closed as failed by whoever comes next, and sent once", async () => {
    const { server, connection } = await serve();
    orphan();

    expect(finishOrphans(folder, spool)).toEqual({ closed: 1 });
    expect(finishOrphans(folder, spool)).toEqual({ closed: 0 });
    await flushSpool(spool, connection, FAST);

    const [record] = server.stored.values();
    expect(record).toMatchObject({ status: "failed", error_message: KILLED_MESSAGE });
    expect(server.requests).toHaveLength(1);
  });

  it("is left alone while its client lives", () => {
    createPending(folder, makeExecution({ status: "pending" }), null);

    expect(finishOrphans(folder, spool)).toEqual({ closed: 0 });
  });

  it("keeps its own outcome when only the sending was missing", () => {
    const execution = makeExecution({ status: "pending" });
    createPending(folder, execution, null).write({ ...execution, status: "completed" }, true);
    const path = join(folder, "pending", `${execution.id}.json`);
    writeFileSync(path, readFileSync(path, "utf8").replace(/"started":"[^"]*"/, '"started":"before"'));

    finishOrphans(folder, spool);
    const [batch] = claimBatches(spool, () => true);
    expect(batch?.executions).toMatchObject([{ id: execution.id, status: "completed" }]);
  });
});
