import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { createRoom, moveBody, SMALL_BYTES, unwatchBody, watchBody } from "./large-bodies.ts";

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
  /** The body is large and was not admitted; nothing of it was kept. */
  notAdmitted: boolean;
  /** What has come of a body that was not kept. */
  receivedBytes: number;
  maxBodyBytes: number;
}

export interface GuardOptions {
  maxBodyBytes: number;
  /**
   * Whether a body above 256 KiB is worth its room, as far as the request's head tells; it waits for the answer, and a
   * failure is a no. With it, each path has at most half of the room. Without it every body is admitted.
   */
  admit?: ((request: IncomingMessage) => boolean | Promise<boolean>) | undefined;
  /** How long a body above 256 KiB may take until all of it is here, in milliseconds. */
  largeBodyMs?: number | undefined;
}

/** How long a large body may take where nothing else is said; a person's machine sends 10 MiB over a slow line in that. */
export const LARGE_BODY_MS = 60_000;

/** An oversized body is read and thrown away up to here, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 64 * 1024 * 1024;

const guarded = new WeakMap<IncomingMessage, Guarded>();

/** What the guard knows of a request, or null where it did not run. */
export function guardOf(request: IncomingMessage): Guarded | null {
  return guarded.get(request) ?? null;
}

/** Guards one request; must run before the framework sees it. A second call for the same request changes nothing. */
export function guardRequest(request: IncomingMessage, options: GuardOptions): void {
  if (guarded.has(request)) return;
  // The framework answers a path it cannot decode with a page of its own and logs it; "/" is a path nobody serves.
  if (!isDecodable(request.url ?? "/")) request.url = "/";
  const { headers } = request;
  const state: Guarded = {
    contentType: headers["content-type"] ?? "",
    contentEncoding: (headers["content-encoding"] ?? "").trim().toLowerCase(),
    tooLarge: false,
    crowdedOut: false,
    notAdmitted: false,
    receivedBytes: 0,
    maxBodyBytes: options.maxBodyBytes,
  };
  guarded.set(request, state);

  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody) return;
  headers["content-type"] = "application/octet-stream";
  delete headers["content-encoding"];

  if (Number(headers["content-length"] ?? 0) > options.maxBodyBytes) {
    state.tooLarge = true;
    state.receivedBytes = Number(headers["content-length"]);
    discardBody(request, options);
    return;
  }
  const isChunked = headers["transfer-encoding"] !== undefined;
  if (!isChunked && Number(headers["content-length"]) <= SMALL_BYTES) return;
  // The framework reads a large body as a chunked one, because it may end early.
  delete headers["content-length"];
  headers["transfer-encoding"] = "chunked";
  boundBody(request, state, options);
}

/** Guards every request of the process: for a function that is served alone. */
export function installGuard(options: GuardOptions): void {
  subscribe("http.server.request.start", (message) => {
    if (holdsRequest(message)) guardRequest(message.request, options);
  });
}

/** The path of a request without its query. */
export function pathOf({ url = "/" }: IncomingMessage): string {
  const mark = url.indexOf("?");
  return mark === -1 ? url : url.slice(0, mark);
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

function discardBody(request: IncomingMessage, { largeBodyMs = LARGE_BODY_MS }: GuardOptions): void {
  // Without either header there is no body for the framework to read.
  delete request.headers["content-length"];
  delete request.headers["transfer-encoding"];
  watchBody(request, largeBodyMs);
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    moveBody(request);
    if (received > DISCARD_BYTES_MAX) request.destroy();
  });
  request.once("end", () => unwatchBody(request));
}

/**
 * Ends the body early for its reader once it is over the limit, is not admitted or has no room, and throws the rest away.
 * While it waits to be admitted the request is paused, and what comes all the same is kept back in its order.
 */
function boundBody(request: IncomingMessage, state: Guarded, options: GuardOptions): void {
  const { admit, largeBodyMs = LARGE_BODY_MS } = options;
  const room = createRoom(request, admit === undefined ? null : pathOf(request));
  const emit = request.emit.bind(request);
  let admission: "unasked" | "awaited" | "settled" = "unasked";
  let keptBack: (Buffer | null)[] = [];

  const isCut = (): boolean => state.tooLarge || state.crowdedOut || state.notAdmitted;

  /** Hands on a chunk, or with null the end. */
  function handOn(chunk: Buffer | null): boolean {
    if (chunk === null) {
      unwatchBody(request);
      return isCut() || emit("end");
    }
    moveBody(request);
    state.receivedBytes += chunk.length;
    if (state.receivedBytes > DISCARD_BYTES_MAX) request.destroy();
    if (isCut()) return true;
    state.tooLarge = state.receivedBytes > state.maxBodyBytes;
    state.crowdedOut = !state.tooLarge && !room.hold(state.receivedBytes);
    return isCut() ? emit("end") : emit("data", chunk);
  }

  async function awaitAdmission(): Promise<void> {
    request.pause();
    state.notAdmitted = !(await isAdmitted(request, admit));
    admission = "settled";
    if (request.destroyed) return;
    // Its time is its sender's: what the look-up took does not count.
    watchBody(request, largeBodyMs);
    if (state.notAdmitted) emit("end");
    const waiting = keptBack;
    keptBack = [];
    for (const chunk of waiting) handOn(chunk);
    request.resume();
  }

  request.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    const [first] = args;
    const chunk = event === "data" && Buffer.isBuffer(first) ? first : null;
    if (chunk === null && event !== "end") return emit(event, ...args);
    if (admission === "unasked" && state.receivedBytes + (chunk?.length ?? 0) > SMALL_BYTES) {
      watchBody(request, largeBodyMs);
      admission = admit === undefined ? "settled" : "awaited";
      if (admit !== undefined) void awaitAdmission();
    }
    if (admission !== "awaited") return handOn(chunk);
    keptBack.push(chunk);
    return true;
  };
}

async function isAdmitted(request: IncomingMessage, admit: GuardOptions["admit"]): Promise<boolean> {
  try {
    return admit === undefined || (await admit(request));
  } catch {
    // The handler comes upon the same, and says it.
    return false;
  }
}
