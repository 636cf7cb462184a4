import { createServer, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { type Front, openFront } from "../../local/front.ts";
import { startScheduler } from "../../local/scheduler.ts";

const POLL = { timeout: 30_000, interval: 10 };
const fronts: Front[] = [];

const headers = async (): Promise<Record<string, string>> => ({ authorization: "Bearer key" });

async function open(): Promise<Front> {
  const front = await openFront(0);
  fronts.push(front);
  return front;
}

/** A server that answers with the address it was asked for. */
function echo(): Server {
  return createServer((request, response) => {
    void text(request).then((body) => response.end(`${request.method} ${request.url} ${body}`));
  });
}

afterEach(async () => {
  await Promise.all(fronts.splice(0).map((front) => front.close()));
});

it("asks callers to come again until the functions are there", async () => {
  const front = await open();
  const response = await fetch(`${front.url}/ingest/v1/executions`);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(response.headers.get("content-type")).toBe("application/problem+json");
});

it("hands each function its requests with the prefix taken off", async () => {
  const front = await open();
  front.serve([{ prefix: "/ingest", server: echo(), maxBodyBytes: 1_000 }]);
  const ask = async (path: string, init?: RequestInit) => (await fetch(`${front.url}${path}`, init)).text();
  expect(await ask("/ingest/v1/executions?a=1", { method: "POST", body: "b" })).toBe(
    "POST /v1/executions?a=1 b",
  );
  expect(await ask("/ingest")).toBe("GET / ");
  expect(await ask("/ingest?x=1")).toBe("GET /?x=1 ");
});

it("knows nothing below other prefixes, even those that begin alike", async () => {
  const front = await open();
  front.serve([{ prefix: "/ingest", server: echo(), maxBodyBytes: 1_000 }]);
  for (const path of ["/", "/ingestion/v1", "/other"]) {
    expect((await fetch(`${front.url}${path}`)).status).toBe(404);
  }
});

it("finishes what it has begun and takes nothing new once it closes", async () => {
  const front = await open();
  const begun = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const slow = createServer((_request, response) => {
    begun.resolve();
    void mayEnd.promise.then(() => response.end("late"));
  });
  front.serve([{ prefix: "/slow", server: slow, maxBodyBytes: 1_000 }]);
  const answer = fetch(`${front.url}/slow`);
  await begun.promise;
  const closed = front.close();
  await expect(fetch(`${front.url}/slow`)).rejects.toThrow(/fetch failed/);
  mayEnd.resolve();
  expect(await (await answer).text()).toBe("late");
  await closed;
});

it("calls what is scheduled at once and again in its own rhythm, but never while a call is under way", async () => {
  const front = await open();
  const arrived: string[] = [];
  const mayEnd = Promise.withResolvers<void>();
  const job = createServer((request, response) => {
    arrived.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    void mayEnd.promise.then(() => response.end());
  });
  let quick = 0;
  const counter = createServer((_request, response) => {
    quick += 1;
    response.end();
  });
  let slow = 0;
  const rare = createServer((_request, response) => {
    slow += 1;
    response.end();
  });
  front.serve([
    { prefix: "/job", server: job, maxBodyBytes: 1_000 },
    { prefix: "/quick", server: counter, maxBodyBytes: 1_000 },
    { prefix: "/slow", server: rare, maxBodyBytes: 1_000 },
  ]);
  const stop = startScheduler([
    { url: `${front.url}/job`, everyMs: 10, headers },
    { url: `${front.url}/quick`, everyMs: 10, headers },
    { url: `${front.url}/slow`, everyMs: 3_600_000, headers },
  ]);
  await expect.poll(() => arrived.length, POLL).toBeGreaterThan(0);
  await expect.poll(() => quick, POLL).toBeGreaterThan(5);
  await expect.poll(() => slow, POLL).toBe(1);
  expect(arrived).toEqual(["POST / Bearer key"]);
  mayEnd.resolve();
  await expect.poll(() => arrived.length, POLL).toBeGreaterThan(1);
  await stop();
});
