import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTracing, type Tracing } from "../../shared/tracing.ts";
import { closeServer, listenOn } from "../helpers/google-metadata.ts";

/** What this file guards: whoever takes traces, or does not, costs a request nothing. */
interface Sent {
  name: string;
  status: { code?: number };
  attributes: { key: string; value: { stringValue?: string } }[];
}

let collector: Server;
let spans: Sent[];
/** Requests that were not answered. */
let held: { request: IncomingMessage; response: ServerResponse }[];
let isHolding: boolean;
let logged: string[];
let tracing: Tracing;

beforeEach(async () => {
  spans = [];
  held = [];
  isHolding = false;
  logged = [];
  collector = createServer((request, response) => {
    if (isHolding) held.push({ request, response });
    else void take(request, response);
  });
  const { port } = await listenOn(collector, "127.0.0.1", 0);
  tracing = createTracing({
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/` },
    service: "test",
    log: (_severity, message) => logged.push(message),
    now: Date.now,
  });
});

afterEach(() => closeServer(collector));

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const { resourceSpans } = (await json(request)) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] };
  for (const { scopeSpans } of resourceSpans) spans.push(...scopeSpans.flatMap((scope) => scope.spans));
  response.end("{}");
}

function span<T>(work: (traceparent: string | undefined) => Promise<T>): Promise<T> {
  return tracing.inSpan({ name: "work", kind: "server", parent: null }, work);
}

async function makeSpans(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await span(async () => undefined);
}

describe("traces", () => {
  it("wait for nobody, keep a bounded number and drop the rest while their receiver does not answer", async () => {
    isHolding = true;
    await makeSpans(20_000);
    // All work was done, and the one request that went out still waits.
    expect(held.filter(({ response }) => !response.destroyed).length).toBeLessThanOrEqual(1);
    await vi.waitFor(() => expect(logged).toEqual(["traces could not be sent"]), { timeout: 20_000 });
    isHolding = false;
    await Promise.all([tracing.close(), ...held.map(({ request, response }) => take(request, response))]);
    expect(spans.length).toBeGreaterThan(0);
    // Those that waited, and a batch that was under way.
    expect(spans.length).toBeLessThanOrEqual(2_048 + 512);
  });

  it("do not hold up the end of a process whose receiver does not answer", async () => {
    isHolding = true;
    await makeSpans(1);
    await tracing.close();
    // It has not been given up either.
    expect(held.map(({ response }) => response.destroyed)).toEqual([false]);
  });

  it("are sent before the end, and tell of a failure its class alone", async () => {
    const failing = span(() => Promise.reject(new RangeError("the password is hunter2")));
    await expect(failing).rejects.toThrow(RangeError);
    await makeSpans(2);
    await tracing.close();
    expect(spans).toHaveLength(3);
    expect(spans[0]).toMatchObject({
      status: { code: 2 },
      attributes: [{ key: "error.type", value: { stringValue: "RangeError" } }],
    });
    expect(JSON.stringify(spans)).not.toContain("hunter2");
  });
});
