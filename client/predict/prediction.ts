import { z } from "zod";
import type { Connection } from "../connection.ts";
import { askInsights } from "../summary.ts";

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

/** The answer read, and as it came. */
const read = z.unknown().transform((body, context) => {
  const parsed = answer.safeParse(body);
  if (parsed.success) return { answer: parsed.data, body };
  context.addIssue("is no prediction");
  return z.NEVER;
});

/** Asks for `POST /v1/predict`, with the body that takes; answers it read and as it came. Throws SummaryError. */
export function getPrediction(
  connection: Connection,
  question: Readonly<Record<string, unknown>>,
): Promise<{ answer: SinglePrediction | BatchPrediction; body: unknown }> {
  return askInsights(connection, "/v1/predict", {}, read, { body: question });
}
