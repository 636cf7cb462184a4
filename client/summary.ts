import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Connection } from "./connection.ts";
import { readRetryAfter } from "./post-batch.ts";

const count = z.number().nullable();
const measures = z.object({
  executions: z.number(),
  failures: z.number(),
  input_tokens: count,
  output_tokens: count,
  cache_read_tokens: count,
  cache_write_5m_tokens: count,
  cache_write_1h_tokens: count,
  total_tokens: count,
  unmeasured: z.number(),
  cache_hit_rate: count,
  cost_usd: z.string().nullable(),
  unpriced: z.number(),
  reported_cost_usd: z.string().nullable(),
  unreported: z.number(),
  time_p50_ms: count,
  time_p95_ms: count,
});
const summary = z.object({
  source: z.string(),
  fallback: z.boolean(),
  from: z.string(),
  to: z.string(),
  group_by: z.string(),
  total: measures,
  pending: z.number(),
  groups: z.number(),
  rows: z.array(measures.extend({ key: z.string().nullable() })),
  next_page_token: z.string().nullable(),
});
export type SummaryMeasures = z.output<typeof measures>;
export type Summary = z.output<typeof summary>;

/** The question could not be answered; the message says what to do. `away`: asking later can help. */
export class SummaryError extends Error {
  override readonly name = "SummaryError";
  readonly away: boolean;

  constructor(message: string, away: boolean, options?: ErrorOptions) {
    super(message, options);
    this.away = away;
  }
}

const problem = z.object({
  detail: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});
const ATTEMPTS_MAX = 3;
const TIMEOUT_MS = 20_000;
const WAIT_MS_MAX = 5_000;

type Parameters = Readonly<Record<string, string | undefined>>;

/** Asks the insights function for `GET /v1/summary`; parameters are its own, undefined ones are left out. */
export function getSummary(connection: Connection, parameters: Parameters): Promise<Summary> {
  return askInsights(connection, "/v1/summary", parameters, summary);
}

interface Asking {
  /** Sent as JSON by POST, which must be safe to repeat; without one it is a GET. */
  body?: unknown;
  timeoutMs?: number;
}

/**
 * Asks the insights function a question and waits, up to a bound, while it says that it will be able to answer later.
 * @throws SummaryError when it did not, or answered what the schema does not know.
 */
export async function askInsights<Answer>(
  connection: Connection,
  path: string,
  parameters: Parameters,
  schema: z.ZodType<Answer>,
  { body: sent, timeoutMs = TIMEOUT_MS }: Asking = {},
): Promise<Answer> {
  const url = new URL(`${connection.url}${path}`);
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  for (let attempt = 1; ; attempt++) {
    let status: number;
    let retryAfter: string | null;
    let body: unknown;
    try {
      const response = await fetch(url, {
        ...(sent === undefined ? {} : { method: "POST", body: JSON.stringify(sent) }),
        headers: {
          authorization: `Bearer ${connection.apiKey}`,
          accept: "application/json",
          ...(sent === undefined ? {} : { "content-type": "application/json" }),
        },
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      ({ status } = response);
      retryAfter = response.headers.get("retry-after");
      body = await response.json().catch(() => null);
    } catch (error) {
      throw new SummaryError(`${url.host} does not answer`, true, { cause: error });
    }
    const parsed = schema.safeParse(body);
    if (status === 200 && parsed.success) return parsed.data;
    const passing = status === 429 || status === 503;
    if (!passing || attempt >= ATTEMPTS_MAX)
      throw new SummaryError(reasonOf(url.host, status, body), passing);
    await sleep(Math.min(WAIT_MS_MAX, readRetryAfter(retryAfter, Date.now()) ?? 1_000));
  }
}

function reasonOf(host: string, status: number, body: unknown): string {
  if (status === 200) return `${host} answers, but not as Netra's insights function does`;
  const parsed = problem.safeParse(body);
  const faults = parsed.data?.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join("; ");
  const said = faults ?? parsed.data?.detail;
  return `${host} answered ${status}${said === undefined ? "" : `: ${said}`}`;
}
