import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { faultOfAddresses, faultOfUrl } from "../../../shared/delivery-target.ts";
import { failedWith, type Outcome } from "./outcome.ts";
import { readRetryAfter } from "./schedule.ts";

export type ResolveHost = (
  host: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface HttpsOptions {
  /** Allows http and addresses of private networks. */
  privateTargets: boolean;
  /** For the whole attempt, with the look-up of the name (ms). */
  timeoutMs: number;
  now: () => number;
  /** Ends the attempt early. */
  signal: AbortSignal;
  resolveHost?: ResolveHost | undefined;
  /** Certificates to trust instead of the platform's. */
  ca?: string | undefined;
}

const ANSWER_BYTES_MAX = 1_024;

class BlockedAddress extends Error {}

/** Every answer of DNS. */
const resolveByDns: ResolveHost = (host, callback) =>
  dnsLookup(host, { all: true }, (error, addresses) => callback(error, error === null ? addresses : []));

/**
 * Looks a name up once and hands the socket what was checked: a name that answers differently the next time (DNS
 * rebinding) gains nothing, because there is no next time.
 */
function guardedLookup(resolveHost: ResolveHost, privateTargets: boolean): LookupFunction {
  return (host, options, callback) => {
    resolveHost(host, (error, addresses) => {
      const fault = error === null && !privateTargets ? faultOfAddresses(addresses) : null;
      const failure = error ?? (fault === null ? null : new BlockedAddress(fault));
      const [first] = addresses;
      if (failure !== null || first === undefined) {
        const problem: NodeJS.ErrnoException = failure ?? new Error("its name has no address");
        callback(problem, "", 0);
      } else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** Posts a body once: no redirects, no connection that is used again, and of the answer no more than its status counts. */
export async function sendHttps(
  target: string,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  options: HttpsOptions,
): Promise<Outcome> {
  const fault = faultOfUrl(target, options.privateTargets);
  if (fault !== null) return failedWith(`blocked_address: ${fault}`);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    const answer = await exchange(new URL(target), body, headers, options, signal);
    return judge(answer, options.now());
  } catch (error) {
    options.signal.throwIfAborted();
    if (deadline.aborted) return failedWith(`timeout: no answer within ${options.timeoutMs / 1_000} s`);
    if (error instanceof BlockedAddress) return failedWith(`blocked_address: ${error.message}`);
    return failedWith(`connection: ${codeOf(error)}`);
  }
}

interface Answer {
  status: number;
  retryAfter: string | undefined;
}

function exchange(
  url: URL,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  options: HttpsOptions,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing: ClientRequest = send(url, {
      method: "POST",
      headers: { ...headers, "content-length": String(body.length), connection: "close" },
      agent: false,
      lookup: guardedLookup(options.resolveHost ?? resolveByDns, options.privateTargets),
      signal,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    // Once the answer has begun, whatever happens to the rest of it comes too late to change it.
    let answer: Answer | null = null;
    const settle = (error: unknown): void => (answer === null ? reject(error) : resolve(answer));
    outgoing.on("response", (incoming) => {
      answer = { status: incoming.statusCode ?? 0, retryAfter: incoming.headers["retry-after"] };
      discard(incoming, () => outgoing.destroy());
    });
    outgoing.on("upgrade", (incoming, socket) => {
      answer = { status: incoming.statusCode ?? 0, retryAfter: undefined };
      socket.destroy();
    });
    outgoing.on("error", settle);
    outgoing.on("close", () => settle(new Error("closed without an answer")));
    outgoing.end(body);
  });
}

/** Reads a little, so that a receiver can finish its answer, and calls `done` when that is over, at least once. */
function discard(incoming: IncomingMessage, done: () => void): void {
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) done();
  });
  incoming.on("error", done);
  incoming.on("end", done);
  incoming.on("close", done);
}

function judge({ status, retryAfter }: Answer, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: "delivered", status };
  if (status === 410) return { kind: "gone", status, error: "gone: the receiver answered 410" };
  const isRedirect = status >= 300 && status < 400;
  return {
    kind: "failed",
    status,
    error: isRedirect
      ? `redirect: the receiver answered ${status}, which is not followed`
      : `http_status: the receiver answered ${status}`,
    retryAfterMs: status === 429 || status === 503 ? readRetryAfter(retryAfter, now) : null,
    isUnauthorized: status === 401 || status === 403,
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "no answer";
}
