import { z } from "zod";
import { FINDING_STATES } from "../../../shared/postgres/insight-findings.ts";
import {
  continuedAt,
  countParameter,
  endMs,
  momentParameter,
  parseQuery,
  refuseOthers,
} from "../query-parameters.ts";
import { type FindingQuestion, readPageToken } from "./page-token.ts";
import { RULE_NAMES } from "./rule.ts";

export interface FindingParameters extends FindingQuestion {
  limit: number;
}

const MINUTE_MS = 60_000;
export const DEFAULT_DAYS = 30;
export const DAYS_MAX = 90;
const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 500;

const STATES = [...FINDING_STATES, "all"] as const;

const schema = z.strictObject({
  days: countParameter(DAYS_MAX).optional(),
  to: momentParameter.optional(),
  rule: z.enum(RULE_NAMES, { error: `must be one of ${RULE_NAMES.join(", ")}` }).optional(),
  state: z.enum(STATES, { error: `must be one of ${STATES.join(", ")}` }).optional(),
  min_usd: z
    .string()
    .regex(/^\d{1,9}(\.\d{1,12})?$/, { error: "must be dollars a month, such as 5 or 0.50" })
    .optional(),
  repository: z.string().min(1, { error: "must not be empty" }).max(300).optional(),
  limit: countParameter(LIMIT_MAX).optional(),
  page_token: z.string().optional(),
});

/**
 * Reads the query of `GET /v1/insights`. Without `to` the range ends with the minute that has begun, so that those who ask
 * within it share one analysis; a plain date there includes its whole day, as far as it has come. A page token brings the whole question.
 * @throws AppError bad_request with every fault of the parameters.
 */
export function readFindingParameters(query: URLSearchParams, nowMs: number): FindingParameters {
  const given = parseQuery(query, schema);
  const asked = {
    days: given.days === undefined ? DEFAULT_DAYS : Number(given.days),
    to: notAhead(endOf(given.to, nowMs), nowMs),
    askedTo: given.to === undefined ? null : endOf(given.to, nowMs).getTime(),
    rule: given.rule ?? null,
    state: given.state ?? null,
    minUsd: given.min_usd ?? null,
    repository: given.repository ?? null,
    offset: 0,
  };
  const limit = given.limit === undefined ? DEFAULT_LIMIT : Number(given.limit);
  if (given.page_token === undefined) return { ...asked, limit };
  const position = continuedAt(readPageToken(given.page_token));
  refuseOthers(given, {
    days: asked.days !== position.days,
    to: asked.askedTo !== position.askedTo,
    rule: asked.rule !== position.rule,
    state: asked.state !== position.state,
    min_usd: asked.minUsd !== position.minUsd,
    repository: asked.repository !== position.repository,
  });
  return { ...position, limit };
}

/** What has not come yet is no time in which nothing happened. */
function notAhead(to: Date, nowMs: number): Date {
  return new Date(Math.min(to.getTime(), endOf(undefined, nowMs).getTime()));
}

export function endOf(to: string | undefined, nowMs: number): Date {
  return new Date(to === undefined ? Math.ceil((nowMs + 1) / MINUTE_MS) * MINUTE_MS : endMs(to));
}
