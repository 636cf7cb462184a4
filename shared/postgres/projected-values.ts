import type { Json } from "../event-payload.ts";
import type { Column, Row, Table } from "./projected-tables.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;
const WHOLE_NUMBERS = { smallint: 2 ** 15 - 1, integer: 2 ** 31 - 1, bigint: Number.MAX_SAFE_INTEGER };
const JSONB_CHARACTERS_MAX = 10_000;

/**
 * The row with every column of its table, each with a value the column can hold: texts cut and storable, what is out of
 * range or of another kind null. Null when a value is missing without which the row would be none.
 */
export function storableRow(table: Table, row: Row): Record<string, Json> | null {
  const storable: Record<string, Json> = {};
  for (const [name, column] of Object.entries(table.columns)) {
    const value = storableValue(column, row[name]);
    if (value === null && column.required) return null;
    storable[name] = value;
  }
  // What JSON cannot say it says as null.
  return storable ?? {};
}

function storableValue(column: Column, value: Json | undefined): Json {
  switch (column.type) {
    case "text":
      return typeof value === "string" ? storableText(column, value) : null;
    case "uuid":
      return typeof value === "string" && UUID.test(value.toLowerCase()) ? value.toLowerCase() : null;
    case "smallint":
    case "integer":
    case "bigint":
      return Number.isInteger(value) && Math.abs(Number(value)) <= WHOLE_NUMBERS[column.type]
        ? Number(value)
        : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "timestamptz":
      return typeof value === "string" ? isoTime(value) : null;
    case "date":
      return typeof value === "string" ? (isoTime(value)?.slice(0, 10) ?? null) : null;
    case "jsonb":
      break;
  }
  return storableJson(value);
}

function storableText(column: Column, value: string): string | null {
  if (column.oneOf && !column.oneOf.includes(value)) return null;
  const cut = column.max === undefined ? value : cutText(value, column.max);
  return cut.toWellFormed().replaceAll("\0", "\u{fffd}");
}

/** At most `max` UTF-16 units, so at most as many characters; no character is cut in half. */
function cutText(value: string, max: number): string {
  if (value.length <= max) return value;
  const last = value.charCodeAt(max - 1);
  return value.slice(0, last >= 0xd800 && last < 0xdc00 ? max - 1 : max);
}

/** One spelling for each millisecond, so that texts compare as moments do. */
function isoTime(value: string): string | null {
  const ms = ISO_TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) return null;
  const iso = new Date(ms).toISOString();
  // Years outside of 0001–9999 are spelled with a sign, which PostgreSQL does not read; 0000 it does not know.
  return /^\d{4}-/.test(iso) && !iso.startsWith("0000") ? iso : null;
}

/** JSON of a bounded size, its texts storable; an empty object instead of what is missing or too large. */
function storableJson(value: Json | undefined): Json {
  const json = JSON.stringify(value ?? {});
  if (json.length > JSONB_CHARACTERS_MAX) return {};
  // Outside of texts JSON has no backslash, so each escape stands in one; a doubled backslash is no beginning of another.
  const storable: Json = JSON.parse(
    json.replaceAll(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (escape) =>
      escape === "\\\\" ? escape : "\\ufffd",
    ),
  );
  // What JSON cannot say it says as null.
  return storable ?? {};
}
