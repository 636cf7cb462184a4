import type { Json } from "../../shared/event-payload.ts";

/** A code unit that PostgreSQL's JSON cannot hold: NUL, or half a surrogate pair. */
const UNHOLDABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const REPLACEMENT = "\uFFFD";

/** What may stand for such a unit in JSON text. */
const SUSPICIOUS_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;
/** What may be a number with more digits than a number of the database has. */
const SUSPICIOUS_NUMBER = /(?:^|[:,[\s])-?(?:\d+(?:\.\d+)?[eE][+-]?\d{3}|(?:\d+\.)?\d{300})/;

/** Whether JSON text can be given to PostgreSQL as it is. False also where only a closer look would tell. */
export function isHoldableText(text: string): boolean {
  return !SUSPICIOUS_ESCAPE.test(text) && !SUSPICIOUS_NUMBER.test(text);
}

/** The same value with U+FFFD for what PostgreSQL cannot hold, names of members included. */
export function cleanJson(value: Json): Json {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item: Json) => cleanJson(item));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      cleanText(name),
      member === undefined ? null : cleanJson(member),
    ]),
  );
}

function cleanText(text: string): string {
  return text.replace(UNHOLDABLE, REPLACEMENT);
}
