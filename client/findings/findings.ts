import { z } from "zod";
import type { Connection } from "../connection.ts";
import { askInsights } from "../summary.ts";

/** Loose, because `--json` prints what the server answered, with what is not read here. */
const measure = z.looseObject({ cost_usd: z.string(), units: z.number(), unit: z.string() }).nullable();
const finding = z.looseObject({
  id: z.string(),
  rule: z.string(),
  title: z.string(),
  advice: z.string(),
  confidence: z.looseObject({ level: z.string(), because: z.string() }),
  usd_per_month: z.string().nullable(),
  computed: z.looseObject({
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
    .looseObject({
      at: z.string(),
      by: z.string().nullable(),
      note: z.string().nullable(),
      muted_until: z.string().nullable(),
    })
    .nullable(),
  found: z.boolean(),
  counted_in_total: z.boolean(),
  outcome: z
    .looseObject({
      done_at: z.string(),
      promised_usd_per_month: z.string().nullable(),
      actual_usd_per_month: z.string().nullable(),
      why: z.string().nullable(),
      before: measure,
      after: measure,
    })
    .nullable(),
});
const answer = z.looseObject({
  as_of: z.string(),
  from: z.string(),
  to: z.string(),
  days: z.number(),
  days_observed: z.number(),
  executions: z.number(),
  total: z.looseObject({
    usd_per_month: z.string().nullable(),
    by_confidence: z.record(z.string(), z.string().nullable()),
    findings_counted: z.number(),
    how: z.string(),
  }),
  rules: z.array(z.looseObject({ rule: z.string(), findings: z.number(), silent_when: z.string() })),
  count: z.number(),
  findings: z.array(finding),
  next_page_token: z.string().nullable(),
});
const decided = z.looseObject({
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

/** Findings of a large ledger take a while to work out. */
const TIMEOUT_MS = 40_000;

/** Asks for `GET /v1/insights`; parameters are its own, undefined ones are left out. Throws SummaryError. */
export function getFindings(
  connection: Connection,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Findings> {
  return askInsights(connection, "/v1/insights", parameters, answer, { timeoutMs: TIMEOUT_MS });
}

/** Sends one decision to `POST /v1/insights`, which is safe to repeat. Throws SummaryError. */
export function decideFinding(
  connection: Connection,
  decision: Readonly<Record<string, unknown>>,
): Promise<Decided> {
  return askInsights(connection, "/v1/insights", {}, decided, { body: decision, timeoutMs: TIMEOUT_MS });
}
