import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { firstAnswers } from "../helpers/first-answers.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { closeServer, listenOn } from "../helpers/google-metadata.ts";
import { asOwner, createTenant, type Tenant } from "../helpers/tenant.ts";
import { createGithubSource } from "../bench/webhooks-source.ts";

/** What this file guards: one trace from a sender's request over Pub/Sub to the event's processing, and none unless asked. */
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  status?: { code?: number };
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const SECRET = randomBytes(24).toString("base64url");

/** Makes a process say which modules it loads, by whichever way. */
const TELL_LOADED = `--import=data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from "node:module";
   registerHooks({ resolve(name, context, next) { console.error("loads " + name); return next(name, context); } });`,
)}`;

let databases: TestDatabases;
let tenant: Tenant;
let endpointId: string;
let spans: { service: string; span: Span }[];
let messages: { attributes: Record<string, string> }[];
let collector: Server;
let pubsub: Server;
let env: Record<string, string>;
let endpoint: string;

beforeAll(async () => {
  databases = await createDatabases();
  tenant = await createTenant(databases.adminDatabaseUrl);
  endpointId = await asOwner(databases.adminDatabaseUrl, (sql) =>
    createGithubSource(sql, tenant.organizationId, "env:TRACES_SECRET"),
  );
  spans = [];
  messages = [];
  collector = takeJson((body, path) => {
    if (path === "/v1/traces") spans.push(...spansOf(body));
    return {};
  });
  pubsub = takeJson((body) => {
    messages.push(...(body as { messages: typeof messages }).messages);
    return { messageIds: ["1"] };
  });
  endpoint = `http://127.0.0.1:${(await listenOn(collector, "127.0.0.1", 0)).port}`;
  env = {
    DATABASE_URL: databases.databaseUrl,
    PUBSUB_EMULATOR_HOST: `127.0.0.1:${(await listenOn(pubsub, "127.0.0.1", 0)).port}`,
    NETRA_CALLER_AUTH: "platform",
    TRACES_SECRET: SECRET,
  };
});

afterAll(async () => {
  await closeServer(collector);
  await closeServer(pubsub);
  await databases.close();
});

/** A server that takes JSON at any address. */
function takeJson(answer: (body: unknown, path: string | undefined) => unknown): Server {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = answer(await json(request), request.url);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  return createServer((request, response) => void serve(request, response));
}

interface ResourceSpans {
  resource: { attributes: { key: string; value: { stringValue: string } }[] };
  scopeSpans: { spans: Span[] }[];
}

function spansOf(body: unknown): { service: string; span: Span }[] {
  return (body as { resourceSpans: ResourceSpans[] }).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service =
      resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "unknown";
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ service, span })));
  });
}

async function sendWebhook(url: string, headers: Record<string, string>): Promise<number> {
  const first = firstAnswers({ key: tenant.key, endpointId, secret: SECRET })["webhooks"];
  if (first === undefined) throw new Error("no request for webhooks");
  const request = first.request();
  const { method, path, body } = request;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...request.headers, ...headers },
    body,
  });
  return response.status;
}

async function push(
  events: FunctionProcess,
  attributes: Record<string, string> | undefined,
): Promise<number> {
  const response = await fetch(`${events.url}/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message: { attributes, messageId: "1" }, subscription: "s" }),
  });
  return response.status;
}

describe("traces", () => {
  it("join the sender's request, the message and the processing of its event", async () => {
    const traced = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
    const webhooks = await startFunctionProcess("webhooks", traced);
    const events = await startFunctionProcess("events", traced);
    try {
      expect(await sendWebhook(webhooks.url, { traceparent: `00-${TRACE}-${SPAN}-01` })).toBe(200);
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      expect(await push(events, messages[0]?.attributes)).toBe(204);
    } finally {
      // What was not sent yet is sent before the end.
      expect(await webhooks.end("SIGTERM")).toBe(0);
      expect(await events.end("SIGTERM")).toBe(0);
    }
    const taken = spans.find(({ span }) => span.name === "take delivery" && span.traceId === TRACE);
    const processed = spans.find(({ span }) => span.name === "process event" && span.traceId === TRACE);
    expect(taken).toMatchObject({ service: "netra-webhooks", span: { parentSpanId: SPAN } });
    expect(processed).toMatchObject({
      service: "netra-events",
      span: { parentSpanId: taken?.span.spanId },
    });
    expect(messages[0]?.attributes["traceparent"]).toBe(`00-${TRACE}-${taken?.span.spanId}-01`);
  });

  it("are not made, nor is anything of them loaded or sent on, without an address to send them to", async () => {
    messages.length = 0;
    const webhooks = await startFunctionProcess("webhooks", {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: "",
      NODE_OPTIONS: TELL_LOADED,
    });
    try {
      expect(await sendWebhook(webhooks.url, { traceparent: `00-${TRACE}-${SPAN}-01` })).toBe(200);
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      expect(messages[0]?.attributes).not.toHaveProperty("traceparent");
    } finally {
      await webhooks.end("SIGTERM");
    }
    expect(webhooks.output()).toContain("loads pg");
    expect(webhooks.output()).not.toContain("loads @opentelemetry/sdk-trace");
  });

  it("fail nothing when nobody takes them", async () => {
    const webhooks = await startFunctionProcess("webhooks", {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      NODE_OPTIONS: TELL_LOADED,
    });
    try {
      expect(await sendWebhook(webhooks.url, {})).toBe(200);
      await vi.waitFor(() => expect(webhooks.output()).toContain("traces could not be sent"), {
        timeout: 30_000,
      });
      expect(webhooks.output()).toContain("loads @opentelemetry/sdk-trace");
    } finally {
      expect(await webhooks.end("SIGTERM")).toBe(0);
    }
  });
});
