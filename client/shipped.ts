import { z } from "zod";
import type { Connection } from "./connection.ts";
import { askInsights } from "./summary.ts";

const measures = z.looseObject({
  executions: z.number(),
  total_tokens: z.number().nullable(),
  cost_usd: z.string().nullable(),
  unpriced: z.number(),
  shared_executions: z.number(),
});
const share = measures.extend({
  share_of_executions: z.number().nullable(),
  share_of_cost: z.number().nullable(),
});
const row = measures.extend({
  state: z.string().nullable(),
  people: z.number(),
  repository: z.string().nullish(),
  number: z.number().nullish(),
  title: z.string().nullish(),
  key: z.string().nullish(),
  id: z.string().nullish(),
  environment: z.string().nullish(),
  pull_requests: z.union([z.number(), z.array(z.number())]).nullish(),
  deployed_at: z.string().nullish(),
  lead_time_ms: z.number().nullish(),
  evidence: z.array(z.looseObject({ confidence: z.enum(["high", "medium", "low"]), executions: z.number() })),
});
const shipped = z.looseObject({
  by: z.enum(["pull_request", "issue", "deployment", "repository"]),
  from: z.string(),
  to: z.string(),
  total: measures,
  attributed: share,
  unattributed: share.extend({ reasons: z.array(share.extend({ reason: z.string(), says: z.string() })) }),
  groups: z.number(),
  listed: measures,
  rows: z.array(row),
  next_page_token: z.string().nullable(),
});
export type Shipped = z.output<typeof shipped>;
export type ShippedRow = z.output<typeof row>;

/** Asks for `GET /v1/shipped`; parameters are its own. Throws SummaryError. */
export function getShipped(
  connection: Connection,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Shipped> {
  return askInsights(connection, "/v1/shipped", parameters, shipped);
}
