import { timingSafeEqual, createHash, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { EngineError } from "./clickhouse-errors.ts";

/** One statement as it arrived over HTTP, ready for the engine. */
export interface EngineQuery {
  queryId: string;
  text: string;
  /** Rows of an insert, in the format the statement names. */
  data: Buffer | null;
  parameters: ReadonlyArray<readonly [name: string, value: string]>;
  settings: ReadonlyArray<readonly [name: string, value: string]>;
  database: string | null;
  format: string;
  sessionId: string | null;
  sessionTimeoutMs: number;
}

export interface Credentials {
  user: string;
  password: string;
}

/** Settings that only the HTTP interface of a server knows; the engine would refuse them. */
const HTTP_SETTINGS = new Set([
  "add_http_cors_header",
  "buffer_size",
  "cancel_http_readonly_queries_on_client_close",
  "client_protocol_version",
  "close_session",
  "compress",
  "decompress",
  "enable_http_compression",
  "http_headers_progress_interval_ms",
  "http_native_compression_disable_checksumming_on_decompress",
  "http_response_buffer_size",
  "http_write_exception_in_output_format",
  "http_zlib_compression_level",
  "network_compression_method",
  "send_progress_in_http_headers",
  "wait_end_of_query",
]);

const RESERVED = new Set([
  "database",
  "default_format",
  "password",
  "query",
  "query_id",
  "quota_key",
  "role",
  "session_check",
  "session_id",
  "session_timeout",
  "stacktrace",
  "user",
]);

const SESSION_TIMEOUT_MAX_S = 3_600;

export async function readQuery(
  request: IncomingMessage,
  url: URL,
  bodyBytesMax: number,
): Promise<EngineQuery> {
  const body = request.method === "POST" ? await readBody(request, bodyBytesMax) : Buffer.alloc(0);
  const form = await readForm(request, body);
  const fields = form === null ? [...url.searchParams] : [...url.searchParams, ...form];
  const prefix = fields
    .filter(([name]) => name === "query")
    .map(([, value]) => value)
    .join("\n");
  const data = form === null && prefix !== "" && body.length > 0 ? body : null;
  const text = prefix === "" ? body.toString("utf8") : prefix;
  if (text.trim() === "") throw new EngineError(62, "SYNTAX_ERROR", "Syntax error: Empty query");

  const settings = fields.filter(
    ([name]) => !name.startsWith("param_") && !RESERVED.has(name) && !HTTP_SETTINGS.has(name),
  );
  if (request.method !== "POST") settings.push(["readonly", "2"]);
  const timeoutS = Number(url.searchParams.get("session_timeout") ?? 60);
  return {
    queryId: findQueryId(url),
    text,
    data,
    parameters: fields
      .filter(([name]) => name.startsWith("param_"))
      .map(([name, value]) => [name.slice(6), value]),
    settings,
    database: url.searchParams.get("database") ?? header(request, "x-clickhouse-database"),
    format:
      url.searchParams.get("default_format") ?? header(request, "x-clickhouse-format") ?? "TabSeparated",
    sessionId: url.searchParams.get("session_id"),
    sessionTimeoutMs: Math.min(Number.isFinite(timeoutS) ? timeoutS : 60, SESSION_TIMEOUT_MAX_S) * 1_000,
  };
}

/** The id a client chose, kept to what may stand in a header, or one of ours. */
export function findQueryId(url: URL): string {
  const given = url.searchParams.get("query_id");
  return given !== null && /^[\w.:-]{1,200}$/.test(given) ? given : randomUUID();
}

/** Basic, X-ClickHouse-User and -Key, or user and password in the address: whichever the client uses. */
export function authenticate(request: IncomingMessage, url: URL, expected: Credentials): void {
  const given = readCredentials(request, url);
  if (!sameText(given.user, expected.user) || !sameText(given.password, expected.password)) {
    throw new EngineError(
      516,
      "AUTHENTICATION_FAILED",
      `${given.user}: Authentication failed: password is incorrect, or there is no user with such name`,
    );
  }
}

function readCredentials(request: IncomingMessage, url: URL): Credentials {
  const authorization = header(request, "authorization");
  if (authorization?.startsWith("Basic ") === true) {
    const [user = "", ...rest] = Buffer.from(authorization.slice(6), "base64").toString("utf8").split(":");
    return { user, password: rest.join(":") };
  }
  return {
    user: header(request, "x-clickhouse-user") ?? url.searchParams.get("user") ?? "default",
    password: header(request, "x-clickhouse-key") ?? url.searchParams.get("password") ?? "",
  };
}

function sameText(a: string, b: string): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of inflate(request)) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("the body is not bytes");
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new EngineError(241, "MEMORY_LIMIT_EXCEEDED", `The body is larger than ${bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function inflate(request: IncomingMessage): Readable {
  const encoding = header(request, "content-encoding")?.toLowerCase() ?? "identity";
  const decoder = DECODERS.get(encoding)?.();
  if (decoder === undefined) {
    if (encoding === "identity" || encoding === "") return request;
    throw new EngineError(89, "UNKNOWN_COMPRESSION_METHOD", `Unknown content encoding ${encoding}`);
  }
  request.once("error", (error) => decoder.destroy(error));
  request.once("close", () => {
    if (!request.complete) decoder.destroy(new Error("the client went away"));
  });
  return request.pipe(decoder);
}

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ["gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
  ["zstd", createZstdDecompress],
]);

async function readForm(request: IncomingMessage, body: Buffer): Promise<Array<[string, string]> | null> {
  const type = header(request, "content-type") ?? "";
  if (!type.startsWith("multipart/form-data")) return null;
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  return [...form].flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
}
