import { once } from "node:events";
import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createDatabases } from "../helpers/databases.ts";
import { postNdjson, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { listAnalytics, listLedger, relayUntilEmpty } from "../helpers/stored.ts";

/** What this file guards: a backlog is carried however large its records are, not only however many. */
const RECORDS = 400;
const RECORDS_PER_BODY = 50;
/** A batch is bounded well below this; all records together are far above it. */
const REQUEST_BYTES_MAX = 12 * 1024 * 1024;

const words = (length: number, seed: number): string => {
  let text = "";
  for (let word = seed; text.length < length; word += 7) text += `word${word.toString(36)} `;
  return text.slice(0, length);
};

const context = (seed: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 28 }, (_, field) => [`field_${field}`, words(550, seed + field)]));

/** About 105 KB: nearly every text as long as is taken. */
function makeLarge(seed: number) {
  return makeExecution({
    command: `/review ${words(32_000, seed)}`,
    error_message: words(8_000, seed),
    workspace: context(seed),
    session: context(seed),
    output: { text: words(32_000, seed) },
  });
}

/** A door to the analytics store that can be shut, and knows how large each request was that went through. */
async function startDoor(target: string) {
  const door = { url: "", isOpen: false, requestBytes: [] as number[] };
  const server = createServer((incoming, answer) => {
    if (!door.isOpen) {
      incoming.socket.destroy();
      return;
    }
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => (bytes += chunk.length));
    incoming.once("end", () => door.requestBytes.push(bytes));
    const { method, headers } = incoming;
    const onward = forward(new URL(incoming.url ?? "/", target), { method, headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(answer);
    });
    onward.on("error", () => incoming.socket.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  door.url = url.href;
  return door;
}

it("carries records of a hundred kilobytes, taken while the analytics store was away, in requests of bounded size", async () => {
  const databases = await createDatabases();
  onTestFinished(() => databases.close());
  const door = await startDoor(databases.clickhouseUrl);
  const ingest = await startIngest({ databases: { ...databases, clickhouseUrl: door.url } });
  onTestFinished(() => ingest.close());
  let largest = 0;
  for (let sent = 0; sent < RECORDS; sent += RECORDS_PER_BODY) {
    const records = Array.from({ length: RECORDS_PER_BODY }, (_, index) => makeLarge(sent + index));
    largest = Math.max(largest, JSON.stringify(records[0]).length);
    const { status, body } = await postNdjson(ingest.url, ingest.tenant.key, records);
    expect([status, body.accepted, body.rejected.slice(0, 1)]).toEqual([200, RECORDS_PER_BODY, []]);
  }
  expect(largest).toBeGreaterThan(100_000);
  door.isOpen = true;
  await relayUntilEmpty(ingest.url, ingest.tenant.key);
  const ledger = await listLedger(databases.adminDatabaseUrl);
  expect(ledger).toHaveLength(RECORDS);
  expect(await listAnalytics(databases.clickhouseUrl)).toEqual(ledger);
  expect(door.requestBytes.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(2 * REQUEST_BYTES_MAX);
  expect(Math.max(...door.requestBytes)).toBeLessThan(REQUEST_BYTES_MAX);
}, 180_000);
