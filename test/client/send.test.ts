import { array, assert, integer, property } from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { cutBatches } from "../../client/batches.ts";
import { readRetryAfter } from "../../client/post-batch.ts";
import { SendError, sendExecutions } from "../../client/send.ts";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import type { Fault } from "./fake-server.ts";
import { answer, freePort, startFakeServer } from "./fake-server.ts";

const KEY = "ntr_test";
const FAST = { random: () => 0, deadlineMs: 30_000, timeoutMs: 20_000 };
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function serve(fault?: Fault) {
  const server = await startFakeServer(fault);
  open.push(server);
  return { server, connection: { url: server.url, apiKey: KEY } };
}

async function failure(work: Promise<unknown>): Promise<SendError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SendError)) throw new Error("it was sent");
  return error;
}

describe("sending", () => {
  it("adds up the answers of all batches", async () => {
    const { server, connection } = await serve();
    const executions = Array.from({ length: 5_001 }, () => makeExecution());

    const sum = await sendExecutions(connection, [...executions, ...executions.slice(0, 3)], FAST);

    expect(sum).toMatchObject({ accepted: 5_001, duplicates: 3, rejected: [] });
    expect(server.requests.map((one) => one.length)).toEqual([5_000, 4]);
    expect(server.authorizations).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`]);
  });

  it("asks nothing of the server when there is nothing to send", async () => {
    const { server, connection } = await serve();

    await sendExecutions(connection, [], FAST);

    expect(server.requests).toHaveLength(0);
  });

  it("sends the same record again after 503 and 429 and stores it once", async () => {
    const { server, connection } = await serve((attempt, _records, response) => {
      if (attempt === 1) return answer(response, 503, { title: "away" }, { "retry-after": "0" });
      if (attempt === 2) return answer(response, 429, { title: "slow down" });
      return false;
    });
    const execution = makeExecution();

    expect(await sendExecutions(connection, [execution], FAST)).toMatchObject({ accepted: 1 });
    expect(server.requests).toHaveLength(3);
    expect(new Set(server.requests.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  it("survives an answer that is lost after the record was stored", async () => {
    const { server, connection } = await serve((attempt, records, response) => {
      if (attempt > 1) return false;
      for (const record of records) stored.push(record.id);
      response.destroy();
      return true;
    });
    const stored: string[] = [];

    await sendExecutions(connection, [makeExecution()], FAST);

    expect(stored).toEqual([...server.stored.keys()]);
  });

  it("waits as long as the server asks, and not at all when that is too long", async () => {
    const { server, connection } = await serve((_attempt, _records, response) =>
      answer(response, 503, {}, { "retry-after": "3600" }),
    );
    const error = await failure(sendExecutions(connection, [makeExecution()], FAST));

    expect(error.kind).toBe("away");
    expect(server.requests).toHaveLength(1);
  });

  it("gives up on a server that does not answer in time, with everything unsent", async () => {
    const { connection } = await serve(() => true);
    const executions = [makeExecution(), makeExecution()];
    const error = await failure(
      sendExecutions(connection, executions, { ...FAST, timeoutMs: 50, deadlineMs: 120 }),
    );

    expect(error).toMatchObject({ kind: "away", unsent: executions });
  });

  it("says which server is away, and never the key", async () => {
    const connection = { url: `http://127.0.0.1:${await freePort()}`, apiKey: "ntr_very_secret" };
    const error = await failure(sendExecutions(connection, [makeExecution()], { ...FAST, attemptsMax: 2 }));

    expect(error.message).toContain("ECONNREFUSED");
    expect(JSON.stringify([error.message, error.stack])).not.toContain("ntr_very_secret");
  });

  it.each([401, 403, 404, 415])("does not repeat what the server refuses with %i", async (status) => {
    const { server, connection } = await serve((_attempt, _records, response) =>
      answer(response, status, { title: "no", detail: "for a reason" }),
    );
    const error = await failure(sendExecutions(connection, [makeExecution()], FAST));

    expect(error).toMatchObject({ kind: "refused" });
    expect(error.message).toContain("for a reason");
    expect(server.requests).toHaveLength(1);
  });

  it("reports each record when the server rejected all of them with 400", async () => {
    const rejected = [
      { index: 0, id: null, errors: [{ pointer: "/timestamp", detail: "is in the future" }] },
    ];
    const { connection } = await serve((_attempt, _records, response) =>
      answer(response, 400, { title: "bad", accepted: 0, duplicates: 0, updated: 0, rejected, warnings: [] }),
    );

    expect(await sendExecutions(connection, [makeExecution()], FAST)).toMatchObject({
      accepted: 0,
      rejected,
    });
  });

  it("counts the index of a rejected record over everything that was given", async () => {
    const { connection } = await serve((attempt, _records, response) => {
      if (attempt === 1) return false;
      const rejected = [{ index: 2, id: null, errors: [] }];
      return answer(response, 200, { accepted: 2, duplicates: 0, rejected });
    });
    const executions = Array.from({ length: 5_003 }, () => makeExecution());

    expect((await sendExecutions(connection, executions, FAST)).rejected).toMatchObject([{ index: 5_002 }]);
  });

  it("halves what is too large until it fits, and rejects a single record that never does", async () => {
    const huge = makeExecution({ command: "x".repeat(60_000) });
    const { server, connection } = await serve((_attempt, records, response) => {
      if (records.length > 3 || records.some(({ id }) => id === huge.id)) return answer(response, 413, {});
      return false;
    });
    const executions = [makeExecution(), makeExecution(), makeExecution(), makeExecution(), huge];
    const sum = await sendExecutions(connection, executions, FAST);

    expect(sum).toMatchObject({ accepted: 4, rejected: [{ index: 4, id: huge.id }] });
    expect(server.stored.size).toBe(4);
  });

  it("does not take a proxy's page for an answer", async () => {
    const { connection } = await serve((_attempt, _records, response) =>
      answer(response, 200, "<html>hi</html>"),
    );
    const error = await failure(sendExecutions(connection, [makeExecution()], { ...FAST, attemptsMax: 1 }));

    expect(error).toMatchObject({ kind: "away" });
  });

  it("keeps what was answered apart from what was not", async () => {
    const { connection } = await serve((attempt, _records, response) =>
      attempt === 1 ? false : answer(response, 401, {}),
    );
    const executions = Array.from({ length: 5_002 }, () => makeExecution());
    const error = await failure(sendExecutions(connection, executions, FAST));

    expect(error.answer).toMatchObject({ accepted: 5_000 });
    expect(error.unsent).toEqual(executions.slice(5_000));
  });

  it("stops when it is told to", async () => {
    const { connection } = await serve(() => true);
    const stop = AbortSignal.timeout(30);

    await expect(sendExecutions(connection, [makeExecution()], { ...FAST, signal: stop })).rejects.toThrow(
      /abort/i,
    );
  });

  it("cuts any records into batches within the limits, in their order, with none lost", () => {
    const sizes = array(integer({ min: 0, max: 400 }), { maxLength: 60 });
    assert(
      property(sizes, integer({ min: 1, max: 7 }), integer({ min: 300, max: 900 }), (all, records, bytes) => {
        const executions: ExecutionInput[] = all.map((size, at) => ({
          id: String(at),
          timestamp: "",
          command: "é".repeat(size),
        }));
        const batches = [...cutBatches(executions, { recordsMax: records, bytesMax: bytes })];
        const lines = batches.flatMap((batch) => batch.lines);
        expect(lines).toEqual(executions.map((one) => JSON.stringify(one)));
        let offset = 0;
        for (const batch of batches) {
          expect(batch.offset).toBe(offset);
          offset += batch.lines.length;
          expect(batch.lines.length).toBeLessThanOrEqual(records);
          const size = batch.lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
          expect(batch.lines.length === 1 || size <= bytes).toBe(true);
        }
      }),
    );
  });

  it("reads Retry-After as seconds and as a date", () => {
    const now = Date.parse("2026-11-20T10:00:00Z");
    expect(readRetryAfter("7", now)).toBe(7_000);
    expect(readRetryAfter("Fri, 20 Nov 2026 10:00:30 GMT", now)).toBe(30_000);
    expect(readRetryAfter("Fri, 20 Nov 2026 09:00:00 GMT", now)).toBe(0);
    expect(readRetryAfter("soon", now)).toBeNull();
    expect(readRetryAfter(null, now)).toBeNull();
  });
});
