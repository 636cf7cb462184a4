import { z } from "zod";
import { AppError, type Fault } from "../../../shared/errors.ts";
import { FINDING_STATES } from "../../../shared/postgres/insight-findings.ts";
import { type FindingQuestion, readPageToken } from "./page-token.ts";
import { RULE_NAMES } from "./rule.ts";

export interface FindingParameters extends FindingQuestion {
  limit: number;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
export const DEFAULT_DAYS = 30;
export const DAYS_MAX = 90;
const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 500;
const EARLIEST = Date.parse("2000-01-01T00:00:00Z");
const LATEST = Date.parse("2200-01-01T00:00:00Z");

const STATES = [...FINDING_STATES, "all"] as const;

function wholeNumber(max: number) {
  return z.string().refine((text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= max, {
    error: `must be a whole number from 1 to ${max}`,
  });
}

const schema = z.strictObject({
  days: wholeNumber(DAYS_MAX).optional(),
  to: z
    .union([z.iso.date(), z.iso.datetime({ offset: true })], {
      error: "must be a date, such as 2026-11-20, or an RFC 3339 date-time, such as 2026-11-20T09:30:00Z",
    })
    .refine((text) => Date.parse(text) >= EARLIEST && Date.parse(text) <= LATEST, {
      error: "must lie between 2000-01-01 and 2200-01-01",
    })
    .optional(),
  rule: z.enum(RULE_NAMES, { error: `must be one of ${RULE_NAMES.join(", ")}` }).optional(),
  state: z.enum(STATES, { error: `must be one of ${STATES.join(", ")}` }).optional(),
  min_usd: z
    .string()
    .regex(/^\d{1,9}(\.\d{1,12})?$/, { error: "must be dollars a month, such as 5 or 0.50" })
    .optional(),
  repository: z.string().min(1, { error: "must not be empty" }).max(300).optional(),
  limit: wholeNumber(LIMIT_MAX).optional(),
  page_token: z.string().optional(),
});

/**
 * Reads the query of `GET /v1/insights`. Without `to` the range ends with the minute that has begun, so that those who ask
 * within it share one analysis; a plain date there includes its whole day, as far as it has come. A page token brings the whole question.
 * @throws AppError bad_request with every fault of the parameters.
 */
export function readFindingParameters(query: URLSearchParams, nowMs: number): FindingParameters {
  const given = parse(query);
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
  const position = readPageToken(given.page_token);
  if (position === null) {
    throw refusal([{ pointer: "/page_token", detail: "is not the next_page_token of an answer" }]);
  }
  const differing = {
    days: given.days !== undefined && asked.days !== position.days,
    to: given.to !== undefined && asked.askedTo !== position.askedTo,
    rule: given.rule !== undefined && asked.rule !== position.rule,
    state: given.state !== undefined && asked.state !== position.state,
    min_usd: given.min_usd !== undefined && asked.minUsd !== position.minUsd,
    repository: given.repository !== undefined && asked.repository !== position.repository,
  };
  refuseAny(
    Object.entries(differing)
      .filter(([, differs]) => differs)
      .map(([name]) => ({
        pointer: `/${name}`,
        detail: "differs from the request that gave the page token",
      })),
  );
  return { ...position, limit };
}

/** What has not come yet is no time in which nothing happened. */
function notAhead(to: Date, nowMs: number): Date {
  return new Date(Math.min(to.getTime(), endOf(undefined, nowMs).getTime()));
}

export function endOf(to: string | undefined, nowMs: number): Date {
  if (to === undefined) return new Date(Math.ceil((nowMs + 1) / MINUTE_MS) * MINUTE_MS);
  return new Date(Date.parse(to) + (to.length === "2026-11-20".length ? DAY_MS : 0));
}

function parse(query: URLSearchParams): z.output<typeof schema> {
  const names = [...new Set(query.keys())];
  refuseAny(
    names
      .filter((name) => query.getAll(name).length > 1)
      .map((name) => ({ pointer: pointerTo(name), detail: "is given more than once" })),
  );
  const parsed = schema.safeParse(Object.fromEntries(query));
  if (parsed.success) return parsed.data;
  const known = `there are ${Object.keys(schema.shape).join(", ")}`;
  throw refusal(
    parsed.error.issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((name) => ({
            pointer: pointerTo(name),
            detail: `is not a parameter of this; ${known}`,
          }))
        : [{ pointer: pointerTo(String(issue.path[0])), detail: issue.message }],
    ),
  );
}

function refuseAny(faults: readonly Fault[]): void {
  if (faults.length > 0) throw refusal(faults);
}

function refusal(errors: readonly Fault[]): AppError {
  return new AppError("bad_request", "the parameters are not valid; see errors", { errors });
}

function pointerTo(name: string): string {
  return `/${name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
