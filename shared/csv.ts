import type { AnalyticsValue } from "./analytics-answers.ts";

/**
 * A table as RFC 4180 has it: a line of names, CRLF, quotes where a field needs them; what is unknown is an empty field.
 * A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay as they are.
 */
export function toCsv(
  names: readonly string[],
  rows: readonly Readonly<Record<string, AnalyticsValue>>[],
): string {
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? null))];
  return lines.map((line) => `${line.map(toField).join(",")}\r\n`).join("");
}

const NUMBER = /^-?\d+(\.\d+)?$/;
/** Also after blanks, and in the wide forms that some spreadsheets take for the same. */
const FORMULA = /^[\s\u00a0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

function toField(value: AnalyticsValue): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
