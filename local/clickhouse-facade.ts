import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Engine, EngineResult } from "./clickhouse-engine.ts";
import { EngineError, toErrorReply } from "./clickhouse-errors.ts";
import { authenticate, type Credentials, findQueryId, readQuery } from "./clickhouse-request.ts";
import { ConcurrencyLimit } from "./concurrency.ts";

const RUNNING_MAX = 8;
const WAITING_MAX = 512;
const BODY_BYTES_MAX = 512 * 1024 * 1024;
const DRAIN_MS = 10_000;
const NAME = "netra-embedded";

const BASE_HEADERS = {
  "X-ClickHouse-Server-Display-Name": NAME,
  "X-ClickHouse-Timezone": "UTC",
} as const;

export interface Facade {
  port: number;
  /** Takes no more requests and waits, up to a deadline, for those that run. */
  close: () => Promise<void>;
}

/** ClickHouse's HTTP interface, as far as its Node client uses it, over the embedded engine. */
export async function listenFacade(options: {
  engine: Engine;
  credentials: Credentials;
  port: number;
}): Promise<Facade> {
  const limit = new ConcurrencyLimit({ running: RUNNING_MAX, waiting: WAITING_MAX });
  const open = new Set<ServerResponse>();
  const server = createServer({ keepAliveTimeout: 10_000, requestTimeout: 0 }, (request, response) => {
    open.add(response);
    response.once("close", () => open.delete(response));
    void answer(request, response, options.engine, options.credentials, limit);
  });
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: portOf(server),
    close: async () => {
      const deadline = Date.now() + DRAIN_MS;
      server.close();
      server.closeIdleConnections();
      while (open.size > 0 && Date.now() < deadline) await delay(20);
      server.closeAllConnections();
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  engine: Engine,
  credentials: Credentials,
  limit: ConcurrencyLimit,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  try {
    if (
      request.method === "GET" &&
      (url.pathname === "/ping" || (url.pathname === "/" && url.search === ""))
    ) {
      response.writeHead(200, { ...BASE_HEADERS, "Content-Type": "text/html; charset=UTF-8" }).end("Ok.\n");
      return;
    }
    authenticate(request, url, credentials);
    await runAndReply(request, response, url, engine, limit);
  } catch (error) {
    replyWithError(response, findQueryId(url), error);
    request.resume();
  }
}

async function runAndReply(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  engine: Engine,
  limit: ConcurrencyLimit,
): Promise<void> {
  const query = await readQuery(request, url, BODY_BYTES_MAX);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const leave = await limit.enter();
  if (leave === null)
    throw new EngineError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries");
  const started = process.hrtime.bigint();
  try {
    gone.signal.throwIfAborted();
    const result = await engine.run(query, gone.signal);
    const compress = url.searchParams.get("enable_http_compression") === "1" && acceptsGzip(request);
    await reply(response, query.queryId, result, process.hrtime.bigint() - started, compress);
  } finally {
    leave();
  }
}

async function reply(
  response: ServerResponse,
  queryId: string,
  result: EngineResult,
  elapsedNs: bigint,
  compress: boolean,
): Promise<void> {
  const body = compress ? await promisify(gzip)(result.body, { level: 1 }) : result.body;
  const summary = JSON.stringify({
    read_rows: String(result.readRows),
    read_bytes: String(result.readBytes),
    written_rows: String(result.writtenRows),
    written_bytes: String(result.writtenBytes),
    total_rows_to_read: "0",
    result_rows: String(result.writtenRows),
    result_bytes: String(result.body.length),
    elapsed_ns: String(elapsedNs),
  });
  response.writeHead(200, {
    ...BASE_HEADERS,
    "X-ClickHouse-Query-Id": queryId,
    "X-ClickHouse-Format": result.format,
    "X-ClickHouse-Progress": summary,
    "X-ClickHouse-Summary": summary,
    "Content-Type": contentType(result.format),
    "Content-Length": body.length,
    ...(compress ? { "Content-Encoding": "gzip" } : {}),
  });
  response.end(body);
}

function replyWithError(response: ServerResponse, queryId: string, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, code, text } = toErrorReply(error);
  response.writeHead(status, {
    ...BASE_HEADERS,
    "X-ClickHouse-Query-Id": queryId,
    "X-ClickHouse-Exception-Code": String(code),
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Length": Buffer.byteLength(text),
    ...(status === 403 ? { "WWW-Authenticate": 'Basic realm="ClickHouse server HTTP API"' } : {}),
  });
  response.end(text);
}

function acceptsGzip(request: IncomingMessage): boolean {
  return (request.headers["accept-encoding"] ?? "").includes("gzip");
}

function contentType(format: string): string {
  if (format === "JSON" || format === "JSONCompact") return "application/json; charset=UTF-8";
  if (format.startsWith("JSON")) return "application/x-ndjson; charset=UTF-8";
  if (format.startsWith("TabSeparated") || format.startsWith("TSV"))
    return "text/tab-separated-values; charset=UTF-8";
  return /^(CSV|Pretty|Values|Vertical)/.test(format)
    ? "text/plain; charset=UTF-8"
    : "application/octet-stream";
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the façade has no port");
  return address.port;
}
