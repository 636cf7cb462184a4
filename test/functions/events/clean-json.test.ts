import * as fc from "fast-check";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { cleanJsonText } from "../../../functions/events/clean-json.ts";

/** What this file guards: whatever JSON a sender writes, PostgreSQL can hold what we give it, as like it as can be. */
let sql: Client;
beforeAll(async () => {
  sql = new Client({ connectionString: inject("testStack").postgresUrl });
  await sql.connect();
});
afterAll(() => sql.end());

/** The same value with what no text of the database can hold replaced, by way of the value. */
function cleanValue(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\0", "�");
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(cleanValue);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [cleanValue(name), cleanValue(member)]),
  );
}

const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom("\0", "\uD83D", "\uDE00", "😀", "\\u0000", "\\", '"', "1e999", ":1e400,", "é"),
      fc.string(),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(""));
const numbers = [
  "1e999",
  "-1E+131073",
  "1e-20000",
  "-1e-401",
  "1e-400",
  "0.0e0",
  "9".repeat(140_000),
  `0.${"1".repeat(20_000)}`,
  `${"1".repeat(500)}e-490`,
  "1e5",
  "-0",
  "9007199254740993",
  "10.10",
];
// V8 (Node 24.21) reads a name that ends in an escape as one that ends in a backslash where it has met such a one before.
const anyName = anyText.map((name) => name.replaceAll("\\", ""));
const anyValue = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("\\"));

/** JSON text with numbers and escapes that JSON.stringify would not write. */
const anyJsonText = fc
  .tuple(fc.dictionary(anyName, fc.oneof(anyText, anyValue)), fc.constantFrom(...numbers), fc.boolean())
  .map(([value, number, isEscaped]) => {
    const text = `{"n": ${number}, "v": [${JSON.stringify(value)},${number}]}`;
    return isEscaped
      ? text.replaceAll(
          /[^\0-\x7f]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`,
        )
      : text;
  });

/** Numbers as senders write them, with digits that a double has no room for. */
const digits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[1-9][0-9]{${min},${max}}$`));
const anyNumberText = fc
  .tuple(fc.boolean(), digits(0, 40), fc.option(digits(0, 40)))
  .map(
    ([isNegative, whole, fraction]) =>
      `${isNegative ? "-" : ""}${whole}${fraction === null ? "" : `.${fraction}0`}`,
  );

describe("a payload", () => {
  it("is taken by the database, whatever stands in its texts, its names and its numbers", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyJsonText, { minLength: 1, maxLength: 20 }), async (texts) => {
        const { rows } = await sql.query<{ stored: unknown }>(
          "select text::jsonb -> 'v' -> 0 as stored from unnest($1::text[]) with ordinality as t(text, position) order by position",
          [texts.map(cleanJsonText)],
        );
        for (const [index, { stored }] of rows.entries()) {
          const { v } = JSON.parse(texts[index] ?? "") as { v: unknown[] };
          expect(stored).toEqual(cleanValue(v[0]));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("keeps every digit of its numbers, also beside texts that have to be replaced", async () => {
    const anyEscape = fc.constantFrom(String.raw`\u0000`, String.raw`\ud83d`, String.raw`\ud83d\ude00`, "x");
    await fc.assert(
      fc.asyncProperty(fc.array(anyNumberText, { minLength: 1 }), anyEscape, async (written, escape) => {
        const { rows } = await sql.query<{ kept: string[] }>(
          `select array(select jsonb_array_elements_text(($1::jsonb) -> 'n')) as kept`,
          [cleanJsonText(`{"t": "${escape}", "e": 1e999, "n": [${written.join(", ")}]}`)],
        );
        expect(rows[0]?.kept).toEqual(written);
      }),
      { numRuns: 100 },
    );
  });

  it("stays the text it is where nothing about it is wrong, as with names of commits and escaped pairs", () => {
    for (const text of [
      '{"sha": "8e123456789", "n": [1.5e10, -2, 1e99], "t": "\\u00e9"}',
      String.raw`{"t": "\ud83d\ude00 \\u0000 \\\\ud83d", "n": 9007199254740993, "m": 10.10}`,
      '["1e999", ":1e999,", "\\",1e999"]',
      `[${"9".repeat(305)}, 1e300, 1e-400, 0e000]`,
    ]) {
      expect(cleanJsonText(text)).toBe(text);
    }
  });

  it("has a replacement for halves and NUL, of which escaped backslashes make none", () => {
    expect(cleanJsonText(String.raw`{"a\u0000": "\uD83Dx\uDE00\uDE00\uD83D\uD83D\uDE00"}`)).toBe(
      String.raw`{"a\ufffd": "\ufffdx\ufffd\ufffd\ufffd\uD83D\uDE00"}`,
    );
    expect(cleanJsonText(String.raw`["\\ud83d\udc00", "\\\u0000", "\ud83d\\udc00", "😀\u0000"]`)).toBe(
      String.raw`["\\ud83d\ufffd", "\\\ufffd", "\ufffd\\udc00", "😀\ufffd"]`,
    );
  });

  it("has null for numbers no one can hold, and nothing that was no JSON becomes any", () => {
    const cleaned = cleanJsonText(`[1e400, -1e400000, 1e-20000, 1.0, "1e400"]`);
    expect(JSON.parse(cleaned)).toEqual([null, null, 0, 1, "1e400"]);
    expect(cleaned).toContain("1.0");
    for (const text of [
      "01e400",
      "1.e400",
      "[1e400.5]",
      "tru1e400",
      "\\u0000",
      "[1e400",
      '"\\u000"',
      "-e400",
    ]) {
      expect(() => JSON.parse(cleanJsonText(text)) as unknown).toThrow(SyntaxError);
    }
  });
});
