import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { z } from "zod";
import type { Connection } from "./connection.ts";
import type { IngestAnswer } from "./ingest-answer.ts";
import { parseIngestAnswer } from "./ingest-answer.ts";

/** What became of one request. */
export type PostOutcome =
  | { readonly kind: "answered"; readonly answer: IngestAnswer }
  /** Worth sending again; `retryAfterMs` is what the server asked for. */
  | { readonly kind: "away"; readonly reason: string; readonly retryAfterMs: number | null }
  /** Sending the same again cannot help. */
  | { readonly kind: "refused"; readonly reason: string; readonly status: number };

const compress = promisify(gzip);
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

const problem = z.object({ title: z.string().optional(), detail: z.string().optional() });

/** Sends one body of NDJSON lines once. Never throws for what the network or the server does. */
export async function postBatch(
  connection: Connection,
  lines: readonly string[],
  options: { timeoutMs: number; signal?: AbortSignal | undefined; now: () => number },
): Promise<PostOutcome> {
  const body = await compress(`${lines.join("\n")}\n`);
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${connection.url}/v1/executions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${connection.apiKey}`,
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        accept: "application/json",
      },
      body,
      signal,
      redirect: "manual",
    });
    text = await readText(response);
  } catch (error) {
    options.signal?.throwIfAborted();
    return { kind: "away", reason: `${hostOf(connection)}: ${networkReason(error)}`, retryAfterMs: null };
  }
  return judge(connection, response, text, options.now());
}

function judge(connection: Connection, response: Response, text: string, now: number): PostOutcome {
  const { status } = response;
  const body = parseJson(text);
  const answer = parseIngestAnswer(body);
  if (answer !== null && (status === 200 || status === 400)) return { kind: "answered", answer };
  const known = problem.safeParse(body);
  const said = known.success ? (known.data.detail ?? known.data.title) : undefined;
  const reason = `${hostOf(connection)} answered ${status}${said === undefined ? "" : `: ${said.slice(0, 300)}`}`;
  if (RETRYABLE.has(status)) {
    return { kind: "away", reason, retryAfterMs: readRetryAfter(response.headers.get("retry-after"), now) };
  }
  // A login page or a proxy's greeting is no proof that anything was stored.
  if (status === 200) return { kind: "away", reason: `${reason}, not as Netra does`, retryAfterMs: null };
  return { kind: "refused", reason, status };
}

/** Waiting time from a Retry-After header, given in seconds or as a date; null when there is none. */
export function readRetryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

async function readText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > ANSWER_BYTES_MAX) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hostOf(connection: Connection): string {
  return new URL(connection.url).host;
}

/** fetch says only "fetch failed"; the reason is in its cause. */
function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  if (cause instanceof Error) return cause.message === "" ? cause.name : cause.message;
  return error.message;
}
