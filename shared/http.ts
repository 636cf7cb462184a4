import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { AppError, problemOf, statusOf } from "./errors.ts";
import { describeError, type Log, type LogFields } from "./log.ts";
import { createRequestCounter, OTHER_ROUTE } from "./metrics.ts";
import { guardOf, pathOf } from "./runtime/guard.ts";
import { traceFields } from "./trace.ts";

/** A request as the handlers see it: bytes and strings, nothing parsed by the framework. */
export interface HttpRequest {
  id: string;
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  contentType: string;
  contentEncoding: string;
  /** Empty where it was not kept. */
  body: Buffer;
  /** False for a large body that was not admitted: the head of the request says why. */
  isBodyKept: boolean;
  /** Which of the function's routes it takes, for counting. */
  route: string;
  /** How much came of it, kept or not. */
  bodyBytes: number;
  /** Adds fields to the log line of this request: counts and ids, never contents. */
  note: (fields: LogFields) => void;
}

export interface Reply {
  status: number;
  /** Sent as JSON; text as it is when `headers` say that it is text. */
  body: unknown;
  headers?: Readonly<Record<string, string>>;
}

export type Handle = (request: HttpRequest) => Promise<Reply>;

/** A request with what the framework has read of it. */
type ServedRequest = IncomingMessage & { rawBody?: Buffer; executionId?: string };
/** A function as the framework takes it. */
export type Serve = (request: ServedRequest, response: ServerResponse) => Promise<void>;

/**
 * Turns a handler into a function of the framework: one request in, one reply or problem document out, one log line.
 * Nothing a handler throws reaches the framework, which would answer for other requests or end the process.
 */
export function httpHandler(options: { log: Log; projectId?: string | undefined }, handle: Handle): Serve {
  const count = createRequestCounter(options.log.service ?? "unknown");
  return async (request, response) => {
    const startedAt = performance.now();
    const noted: Record<string, unknown> = {};
    const seen: Seen = { request: null };
    const id = randomUUID();
    let reply = await replyTo(request, id, handle, noted, seen);
    try {
      send(response, id, reply);
    } catch (error) {
      // What cannot be written, such as a bigint, is a bug like any other.
      reply = failureReply(error, id);
      send(response, id, reply);
    }
    count(seen.request?.route ?? OTHER_ROUTE, reply.status, performance.now() - startedAt);
    const { failure, isUnrouted = false, ...rest } = reply;
    // A path nobody serves, or nobody has looked at, may hold anything, a key pasted into it included.
    const path = isUnrouted || rest.status === 404 ? "(unknown path)" : pathOf(request);
    options.log(rest.status >= 500 ? "ERROR" : "INFO", `${request.method} ${path} ${rest.status}`, {
      request_id: id,
      status: rest.status,
      duration_ms: Math.round((performance.now() - startedAt) * 10) / 10,
      ...traceFields(request, options.projectId),
      ...noted,
      ...(failure === undefined ? {} : describeError(failure)),
    });
  };
}

/** Picks the handler of a method and path; refuses others with 404 or, naming what is allowed, 405. */
export function route(routes: Readonly<Record<string, Handle>>): Handle {
  return (request) => {
    const wanted = `${request.method} ${request.path}`;
    const handle = routes[wanted];
    if (handle !== undefined) {
      request.route = wanted;
      return handle(request);
    }
    const allowed = Object.keys(routes)
      .filter((key) => key.endsWith(` ${request.path}`))
      .map((key) => key.slice(0, key.indexOf(" ")));
    if (allowed.length === 0) {
      throw new AppError(
        "not_found",
        `there is no ${request.path}; this function has ${Object.keys(routes).join(", ")}`,
      );
    }
    throw new AppError("method_not_allowed", `${request.path} takes ${allowed.join(", ")}`, {
      headers: { allow: allowed.join(", ") },
    });
  };
}

interface Answer extends Reply {
  failure?: unknown;
  /** It was refused before anybody looked at its path. */
  isUnrouted?: boolean;
}

/** The request as it was read, if it was. */
interface Seen {
  request: HttpRequest | null;
}

async function replyTo(
  request: ServedRequest,
  id: string,
  handle: Handle,
  noted: Record<string, unknown>,
  seen: Seen,
): Promise<Answer> {
  let isUnrouted = true;
  try {
    const read = readRequest(request, id, noted);
    seen.request = read;
    isUnrouted = false;
    return await handle(read);
  } catch (error) {
    if (error instanceof AppError) return { ...problemReply(error, id), isUnrouted };
    return { ...failureReply(error, id), isUnrouted };
  }
}

function failureReply(failure: unknown, id: string): Answer {
  const error = new AppError("internal", `report request ${id} to whoever runs this`);
  return { ...problemReply(error, id), failure };
}

function readRequest(request: ServedRequest, id: string, noted: Record<string, unknown>): HttpRequest {
  const guard = guardOf(request);
  if (guard === null) throw new Error("the body guard is not installed");
  if (guard.tooLarge) {
    throw new AppError("too_large", `a body may have at most ${guard.maxBodyBytes} bytes`);
  }
  if (guard.crowdedOut) {
    throw new AppError("unavailable", "too many large bodies at once; send it again", {
      retryAfterSeconds: 2,
    });
  }
  const path = pathOf(request);
  const search = (request.url ?? "").slice(path.length + 1);
  const body = guard.notAdmitted ? Buffer.alloc(0) : (request.rawBody ?? Buffer.alloc(0));
  return {
    id,
    method: request.method ?? "",
    path,
    query: new URLSearchParams(search),
    headers: request.headers,
    contentType: guard.contentType,
    contentEncoding: guard.contentEncoding,
    body,
    isBodyKept: !guard.notAdmitted,
    route: OTHER_ROUTE,
    bodyBytes: guard.notAdmitted ? guard.receivedBytes : body.length,
    note: (fields) => Object.assign(noted, fields),
  };
}

function problemReply(error: AppError, requestId: string): Answer {
  const { retryAfterSeconds, headers, cause } = error.options;
  return {
    status: statusOf(error.code),
    body: problemOf(error, requestId),
    headers: {
      ...headers,
      "content-type": "application/problem+json",
      ...(retryAfterSeconds === undefined
        ? {}
        : { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) }),
    },
    ...(cause === undefined ? {} : { failure: cause }),
  };
}

/** Media types of bodies that are text already. */
const TEXT = /^(text\/|application\/openmetrics-text\b)/;

function send(response: ServerResponse, requestId: string, reply: Reply): void {
  const isText = typeof reply.body === "string" && TEXT.test(reply.headers?.["content-type"] ?? "");
  const body = isText ? String(reply.body) : JSON.stringify(reply.body);
  response.writeHead(reply.status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
    ...reply.headers,
    "content-length": Buffer.byteLength(body),
  });
  // As a text it leaves together with the head, in one piece.
  response.end(body);
}
