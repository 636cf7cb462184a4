import { z } from "zod";
import type { Connection } from "./connection.ts";
import { askInsights } from "./summary.ts";

const value = z.union([z.number(), z.string(), z.null()]);
const analytics = z.looseObject({
  source: z.string(),
  fallback: z.boolean(),
  from: z.string(),
  to: z.string(),
  group_by: z.string(),
  total: z.record(z.string(), value),
  pending: z.number(),
  groups: z.number(),
  rows: z.array(z.record(z.string(), value)),
  next_page_token: z.string().nullable(),
});
export type Analytics = z.output<typeof analytics>;
export type AnalyticsCell = z.output<typeof value>;

/** Asks for `GET /v1/analytics/{kind}`; parameters are its own. Throws SummaryError. */
export function getAnalytics(
  connection: Connection,
  kind: string,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Analytics> {
  return askInsights(connection, `/v1/analytics/${kind}`, parameters, analytics);
}
