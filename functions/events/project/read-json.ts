import type { Json, JsonObject } from "../../../shared/event-payload.ts";

// Readers for what a sender may have sent: each answers null (or nothing) where a value is not of its kind. None throws.

/** A member by its path; null where the way ends early. */
export function at(value: Json | undefined, ...path: readonly string[]): Json {
  let found: Json = value ?? null;
  for (const name of path) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return null;
    found = found[name] ?? null;
  }
  return found;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function list(value: Json | undefined): readonly Json[] {
  return isList(value) ? value : [];
}

// Array.isArray() does not narrow to readonly arrays.
function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** A text that says something. */
export function text(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The first of the values that is a text. */
export function firstText(...values: readonly (Json | undefined)[]): string | null {
  return values.map(text).find((found) => found !== null) ?? null;
}

/** An id, which senders give as text or as a number. */
export function idText(value: Json | undefined): string | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : text(value);
}

export function integer(value: Json | undefined): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

export function flag(value: Json | undefined): boolean | null {
  return typeof value === "boolean" ? value : null;
}

/** The first line of a text, without the space around it. */
export function firstLine(value: Json | undefined): string | null {
  return text(text(value)?.trimStart().split(/\r?\n/, 1)[0]?.trimEnd());
}

/** The name of the branch that a full reference is of; null for tags and others. */
export function branchOf(ref: Json | undefined): string | null {
  const name = text(ref);
  return name?.startsWith("refs/heads/") ? text(name.slice("refs/heads/".length)) : null;
}

const DATE_TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(\.\d{1,9})? ?(Z|UTC|[+-]\d\d:?\d\d)?)?$/;
/** Numbers below are seconds since 1970 (until the year 5138), those above are milliseconds (since 1973). */
const SECONDS_BELOW = 100_000_000_000;
const YEAR_10000 = 253_402_300_800_000;

/**
 * A moment in milliseconds since 1970, from ISO 8601 (without a zone it is UTC), or from seconds or milliseconds since
 * 1970 as a number or as its digits (Slack's `ts` has them). Null for what is none, and for 1970-01-01 itself and before:
 * a clock that was never set.
 */
export function time(value: Json | undefined): number | null {
  if (typeof value === "number") return fromNumber(value);
  if (typeof value !== "string") return null;
  if (/^\d{1,15}(\.\d{1,9})?$/.test(value)) return fromNumber(Number(value));
  const [, day, clock = "00:00:00", fraction = "", zone = "Z"] = DATE_TIME.exec(value) ?? [];
  if (day === undefined) return null;
  return inRange(Date.parse(`${day}T${clock}${fraction}${zone === "UTC" ? "Z" : withColon(zone)}`));
}

function withColon(zone: string): string {
  return zone.replace(/^([+-]\d\d):?(\d\d)$/, "$1:$2");
}

function fromNumber(value: number): number | null {
  return inRange(Math.floor(value < SECONDS_BELOW ? value * 1000 : value));
}

function inRange(ms: number): number | null {
  return ms > 0 && ms < YEAR_10000 ? ms : null;
}

/** The first of the values that is a moment. */
export function firstTime(...values: readonly (Json | undefined)[]): number | null {
  return values.map(time).find((found) => found !== null) ?? null;
}

/** The latest of the values that are moments. */
export function latestTime(...values: readonly (Json | undefined)[]): number | null {
  const times = values.map(time).filter((found) => found !== null);
  return times.length === 0 ? null : Math.max(...times);
}

/** A moment as rows have it. */
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
