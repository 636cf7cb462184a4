import type { z } from "zod";

/**
 * What is said of a value that is wrong, where its schema has no words of its own: it follows the name of a field or a
 * pointer to one, and says what to send instead. Values are never repeated, because they may be secrets. Null leaves it to
 * zod's own words.
 */
export function faultWords(issue: z.core.$ZodRawIssue): string | null {
  if (issue.code === "invalid_type") return wrongType(issue.expected, issue.input);
  if (issue.code === "invalid_value") return `must be ${oneOf(issue.values)}`;
  if (issue.code === "invalid_union")
    return issue.input === undefined ? MISSING : "has none of the forms it may have";
  if (issue.code === "invalid_format") return FORMATS.get(issue.format) ?? null;
  if (issue.code === "too_small") return tooSmall(issue);
  if (issue.code === "too_big") return tooBig(issue);
  return null;
}

const MISSING = "is missing";

const TYPES: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "an object"],
  ["record", "an object"],
]);

const FORMATS: ReadonlyMap<string, string> = new Map([
  ["guid", "must be a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91"],
  ["uuid", "must be a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91"],
  ["datetime", "must be an RFC 3339 date-time, such as 2026-11-20T09:30:00Z"],
  ["date", "must be a date, such as 2026-11-20"],
  ["url", "must be an address, such as https://example.com"],
]);

function wrongType(expected: string, input: unknown): string | null {
  if (input === undefined) return MISSING;
  const wanted = TYPES.get(expected);
  if (wanted === undefined) return null;
  return Number.isNaN(input) || expected === "int"
    ? `must be ${wanted}`
    : `must be ${wanted}, not ${kindOf(input)}`;
}

function kindOf(input: unknown): string {
  if (input === null) return "null";
  if (Array.isArray(input)) return "a list";
  return TYPES.get(typeof input) ?? typeof input;
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
}

const UNITS: ReadonlyMap<string, string> = new Map([
  ["string", "characters"],
  ["array", "items"],
]);

function tooSmall({
  origin,
  minimum,
  inclusive,
}: Pick<z.core.$ZodIssueTooSmall, "origin" | "minimum" | "inclusive">): string {
  const unit = UNITS.get(origin);
  if (unit === undefined) return `must be ${(inclusive ?? true) ? "at least" : "more than"} ${minimum}`;
  return Number(minimum) === 1 ? "must not be empty" : `must have at least ${minimum} ${unit}`;
}

function tooBig({
  origin,
  maximum,
  inclusive,
}: Pick<z.core.$ZodIssueTooBig, "origin" | "maximum" | "inclusive">): string {
  const unit = UNITS.get(origin);
  return unit === undefined
    ? `must be ${(inclusive ?? true) ? "at most" : "less than"} ${maximum}`
    : `must have at most ${maximum} ${unit}`;
}
