import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";

/**
 * Keeps functions-framework from reading what it should not. On its own it accepts 1 GB bodies, inflates gzip before any
 * of our code runs, and answers bad JSON with a page of its own while logging the body. The guard sees each request first:
 * it bounds the body, and hides its media type and encoding so that the framework takes it as plain bytes. The handler
 * parses those bytes itself, with what `guardOf` remembered.
 */
export interface Guarded {
  contentType: string;
  contentEncoding: string;
  /** The body was over the limit; what the handler would read of it is not the whole. */
  tooLarge: boolean;
  /** The body did not fit beside the others that were being read; nothing of it was kept. */
  crowdedOut: boolean;
  maxBodyBytes: number;
}

/**
 * Bodies that are held at once over all requests of the process: what nobody has proved to be theirs yet must not take all
 * memory. Small bodies pass beside it, or a few large ones would keep everybody out.
 */
const HELD_BYTES_MAX = 96 * 1024 * 1024;
const SMALL_BYTES = 256 * 1024;
let heldBytes = 0;

/** An oversized body is read and thrown away up to here, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 64 * 1024 * 1024;

const guarded = new WeakMap<IncomingMessage, Guarded>();

/** What the guard knows of a request, or null where it did not run. */
export function guardOf(request: IncomingMessage): Guarded | null {
  return guarded.get(request) ?? null;
}

/** Guards one request; must run before the framework sees it. A second call for the same request changes nothing. */
export function guardRequest(request: IncomingMessage, options: { maxBodyBytes: number }): void {
  if (guarded.has(request)) return;
  // The framework answers a path it cannot decode with a page of its own and logs it; "/" is a path nobody serves.
  if (!isDecodable(request.url ?? "/")) request.url = "/";
  const { headers } = request;
  const state: Guarded = {
    contentType: headers["content-type"] ?? "",
    contentEncoding: (headers["content-encoding"] ?? "").trim().toLowerCase(),
    tooLarge: false,
    crowdedOut: false,
    maxBodyBytes: options.maxBodyBytes,
  };
  guarded.set(request, state);

  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody) return;
  headers["content-type"] = "application/octet-stream";
  delete headers["content-encoding"];

  if (Number(headers["content-length"] ?? 0) > options.maxBodyBytes) {
    state.tooLarge = true;
    discardBody(request);
    return;
  }
  const isChunked = headers["transfer-encoding"] !== undefined;
  if (!isChunked && Number(headers["content-length"]) <= SMALL_BYTES) return;
  // A large body takes its room as it comes, not as it is announced: announcing costs a stranger nothing. The framework
  // reads it as a chunked one, because it may end early.
  delete headers["content-length"];
  headers["transfer-encoding"] = "chunked";
  boundBody(request, state);
}

/** Reserves room for what has come of a body until its request has ended; answers false when there is none. */
function createHold(request: IncomingMessage): (bytes: number) => boolean {
  let held = 0;
  const release = (): void => {
    heldBytes -= held;
    held = 0;
  };
  return (bytes) => {
    if (bytes <= SMALL_BYTES) return true;
    if (held === 0) request.once("close", release);
    heldBytes += bytes - held;
    held = bytes;
    if (heldBytes <= HELD_BYTES_MAX) return true;
    release();
    return false;
  };
}

/** Guards every request of the process: for a function that is served alone. */
export function installGuard(options: { maxBodyBytes: number }): void {
  subscribe("http.server.request.start", (message) => {
    if (holdsRequest(message)) guardRequest(message.request, options);
  });
}

function isDecodable(url: string): boolean {
  try {
    decodeURI(url);
    return true;
  } catch {
    return false;
  }
}

function holdsRequest(message: unknown): message is { request: IncomingMessage } {
  return typeof message === "object" && message !== null && "request" in message;
}

function discardBody(request: IncomingMessage): void {
  // Without either header there is no body for the framework to read.
  delete request.headers["content-length"];
  delete request.headers["transfer-encoding"];
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > DISCARD_BYTES_MAX) request.destroy();
  });
}

/** Ends the body early for its reader once it is over the limit or has no room, and throws the rest away. */
function boundBody(request: IncomingMessage, state: Guarded): void {
  const hold = createHold(request);
  let received = 0;
  const emit = request.emit.bind(request);
  request.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event === "data") {
      received += Buffer.isBuffer(args[0]) ? args[0].length : 0;
      if (received > DISCARD_BYTES_MAX) request.destroy();
      if (state.tooLarge || state.crowdedOut) return true;
      state.tooLarge = received > state.maxBodyBytes;
      state.crowdedOut = !state.tooLarge && !hold(received);
      if (state.tooLarge || state.crowdedOut) return emit("end");
    }
    if (event === "end" && (state.tooLarge || state.crowdedOut)) return true;
    return emit(event, ...args);
  };
}
