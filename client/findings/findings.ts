import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Connection } from "../connection.ts";
import { readRetryAfter } from "../post-batch.ts";

const measure = z.object({ cost_usd: z.string(), units: z.number(), unit: z.string() }).nullable();
const finding = z.object({
  id: z.string(),
  rule: z.string(),
  title: z.string(),
  advice: z.string(),
  confidence: z.object({ level: z.string(), because: z.string() }),
  usd_per_month: z.string().nullable(),
  computed: z.object({
    how: z.string(),
    usd_observed: z.string().nullable(),
    days_observed: z.number(),
    scaled_to_month: z.boolean(),
  }),
  affected: z.object({
    commands: z.array(z.string()),
    patterns: z.array(z.string()),
    repositories: z.array(z.string()),
    models: z.array(z.string()),
  }),
  evidence: z.record(z.string(), z.unknown()),
  state: z.string(),
  decision: z
    .object({
      at: z.string(),
      by: z.string().nullable(),
      note: z.string().nullable(),
      muted_until: z.string().nullable(),
    })
    .nullable(),
  found: z.boolean(),
  counted_in_total: z.boolean(),
  outcome: z
    .object({
      done_at: z.string(),
      promised_usd_per_month: z.string().nullable(),
      actual_usd_per_month: z.string().nullable(),
      why: z.string().nullable(),
      before: measure,
      after: measure,
    })
    .nullable(),
});
const answer = z.object({
  from: z.string(),
  to: z.string(),
  days: z.number(),
  days_observed: z.number(),
  executions: z.number(),
  total: z.object({
    usd_per_month: z.string().nullable(),
    by_confidence: z.record(z.string(), z.string().nullable()),
    findings_counted: z.number(),
    how: z.string(),
  }),
  rules: z.array(z.object({ rule: z.string(), findings: z.number(), silent_when: z.string() })),
  count: z.number(),
  findings: z.array(finding),
  next_page_token: z.string().nullable(),
});
const decided = z.object({
  finding: z.string(),
  state: z.string(),
  changed: z.boolean(),
  muted_until: z.string().nullable(),
  done_at: z.string().nullable(),
  promised_usd_per_month: z.string().nullable(),
});
export type ListedFinding = z.output<typeof finding>;
export type Findings = z.output<typeof answer>;
export type Decided = z.output<typeof decided>;

/** The question could not be answered; the message says what to do. `away`: asking later can help. */
export class FindingsError extends Error {
  override readonly name = "FindingsError";
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
const TIMEOUT_MS = 40_000;
const WAIT_MS_MAX = 5_000;

/** Asks for `GET /v1/insights`; parameters are its own, undefined ones are left out. */
export async function getFindings(
  connection: Connection,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Findings> {
  const url = new URL(`${connection.url}/v1/insights`);
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  return await ask(connection, url, {}, answer);
}

/** Sends one decision to `POST /v1/insights`, which is safe to repeat. */
export async function decideFinding(
  connection: Connection,
  decision: Readonly<Record<string, unknown>>,
): Promise<Decided> {
  const url = new URL(`${connection.url}/v1/insights`);
  const headers = { "content-type": "application/json" };
  return await ask(connection, url, { method: "POST", headers, body: JSON.stringify(decision) }, decided);
}

async function ask<T>(
  connection: Connection,
  url: URL,
  init: { method?: string; headers?: Record<string, string>; body?: string },
  schema: z.ZodType<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    let status: number;
    let retryAfter: string | null;
    let body: unknown;
    try {
      const response = await fetch(url, {
        ...init,
        headers: {
          ...init.headers,
          authorization: `Bearer ${connection.apiKey}`,
          accept: "application/json",
        },
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      ({ status } = response);
      retryAfter = response.headers.get("retry-after");
      body = await response.json().catch(() => null);
    } catch (error) {
      throw new FindingsError(`${url.host} does not answer`, true, { cause: error });
    }
    const parsed = schema.safeParse(body);
    if (status === 200 && parsed.success) return parsed.data;
    const passing = status === 429 || status === 503;
    if (!passing || attempt >= ATTEMPTS_MAX) {
      throw new FindingsError(reasonOf(url.host, status, body), passing);
    }
    await sleep(Math.min(WAIT_MS_MAX, readRetryAfter(retryAfter, Date.now()) ?? 1_000));
  }
}

function reasonOf(host: string, status: number, body: unknown): string {
  if (status === 200) return `${host} answers, but not as Netra's insights function does`;
  const parsed = problem.safeParse(body);
  const faults = parsed.data?.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`).join("; ");
  const said = faults ?? parsed.data?.detail;
  return `${host} answered ${status}${said === undefined ? "" : `: ${said}`}`;
}
