import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Connection } from "../connection.ts";
import { readRetryAfter } from "../post-batch.ts";

const held = z.object({ coverage: z.number(), tried: z.number() }).nullable();
const quantiles = <Value extends z.ZodType>(value: Value) => ({ p10: value, p50: value, p90: value });
const basis = { level: z.string(), sample_size: z.number() };
const figure = z.object({ ...quantiles(z.number()), ...basis, calibration: held });
const prediction = {
  command: z.object({ base: z.string(), signature: z.string() }),
  model: z.string().nullable(),
  price_version: z.string(),
  cost_usd: z.object({ ...quantiles(z.string()), ...basis, calibration: held }).nullable(),
  cost_unknown: z.string().nullable(),
  input_tokens: figure,
  output_tokens: figure,
  cache_read_tokens: figure,
  cache_write_tokens: figure,
  total_tokens: figure,
  execution_time_ms: figure,
  failure_probability: z.object({ probability: z.number(), ...quantiles(z.number()), ...basis }),
};
const shared = {
  learned: z.object({ executions: z.number(), until: z.string() }).nullable(),
  budget: z
    .looseObject({
      max_usd: z.string(),
      p50_exceeds: z.boolean().nullable(),
      p90_exceeds: z.boolean().nullable(),
    })
    .nullable(),
};
const fault = z.object({ pointer: z.string(), detail: z.string() });
const single = z.object({ ...prediction, ...shared });
const batch = z.object({
  ...shared,
  predictions: z.array(
    z.union([
      z.object({ index: z.number(), ...prediction }),
      z.object({ index: z.number(), errors: z.array(fault) }),
    ]),
  ),
  rejected: z.number(),
  total_cost_usd: z.object(quantiles(z.string())).nullable(),
  total_unknown: z.string().nullable(),
});
const answer = z.union([batch, single]);

export type SinglePrediction = z.output<typeof single>;
export type BatchPrediction = z.output<typeof batch>;
export type PredictionFigure = z.output<typeof figure>;

/** The question could not be answered; the message says what to do. */
export class PredictionError extends Error {
  override readonly name = "PredictionError";
}

const problem = z.object({ detail: z.string().optional(), errors: z.array(fault).optional() });
const ATTEMPTS_MAX = 3;
const TIMEOUT_MS = 20_000;
const WAIT_MS_MAX = 5_000;

/** Asks the insights function for `POST /v1/predict`, with the body that takes; answers it read and as it came. */
export async function getPrediction(
  connection: Connection,
  question: Readonly<Record<string, unknown>>,
): Promise<{ answer: SinglePrediction | BatchPrediction; body: unknown }> {
  const url = new URL(`${connection.url}/v1/predict`);
  for (let attempt = 1; ; attempt++) {
    const { status, retryAfter, body } = await post(url, connection.apiKey, question);
    const parsed = answer.safeParse(body);
    if (status === 200 && parsed.success) return { answer: parsed.data, body };
    const isPassing = status === 429 || status === 503;
    if (!isPassing || attempt >= ATTEMPTS_MAX) throw new PredictionError(reasonOf(url.host, status, body));
    await sleep(Math.min(WAIT_MS_MAX, readRetryAfter(retryAfter, Date.now()) ?? 1_000));
  }
}

async function post(
  url: URL,
  apiKey: string,
  question: Readonly<Record<string, unknown>>,
): Promise<{ status: number; retryAfter: string | null; body: unknown }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${apiKey}`,
        "content-type": "application/json",
        accept: "application/json",
      },
      body: JSON.stringify(question),
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await response.json().catch(() => null);
    return { status: response.status, retryAfter: response.headers.get("retry-after"), body };
  } catch (error) {
    throw new PredictionError(`${url.host} does not answer`, { cause: error });
  }
}

function reasonOf(host: string, status: number, body: unknown): string {
  if (status === 200) return `${host} answers, but not as Netra's insights function does`;
  const parsed = problem.safeParse(body);
  const faults = parsed.data?.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join("; ");
  const said = faults ?? parsed.data?.detail;
  return `${host} answered ${status}${said === undefined ? "" : `: ${said}`}`;
}
