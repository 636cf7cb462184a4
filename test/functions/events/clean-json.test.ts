import * as fc from "fast-check";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { cleanJson, isHoldableText } from "../../../functions/events/clean-json.ts";
import type { Json } from "../../../shared/event-payload.ts";

/** What this file guards: whatever JSON a sender writes, PostgreSQL can hold what we give it, as like it as can be. */
let sql: Client;
beforeAll(async () => {
  sql = new Client({ connectionString: inject("testStack").postgresUrl });
  await sql.connect();
});
afterAll(() => sql.end());

function storable(text: string): string {
  return isHoldableText(text) ? text : JSON.stringify(cleanJson(JSON.parse(text) as Json));
}

const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom("\0", "\uD83D", "\uDE00", "😀", "\\u0000", '"', "1e999", ":1e400,", "é"),
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
  "0.0e0",
  "9".repeat(140_000),
  `0.${"1".repeat(20_000)}`,
  "1e5",
  "-0",
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

describe("a payload", () => {
  it("is taken by the database, whatever stands in its texts, its names and its numbers", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyJsonText, { minLength: 1, maxLength: 20 }), async (texts) => {
        const { rows } = await sql.query<{ stored: { v: Json[] } }>(
          "select (text::jsonb - 'n') as stored from unnest($1::text[]) with ordinality as t(text, position) order by position",
          [texts.map(storable)],
        );
        for (const [index, { stored }] of rows.entries()) {
          const { v } = JSON.parse(texts[index] ?? "") as { v: Json[] };
          expect(cleanJson(stored.v[0] ?? null)).toEqual(cleanJson(v[0] ?? null));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("stays the text it is where nothing about it is wrong, as with names of commits", () => {
    expect(isHoldableText('{"sha": "8e123456789", "n": [1.5e10, -2, 1e99], "t": "\\u00e9"}')).toBe(true);
    expect(isHoldableText('{"t": "\\u0000"}')).toBe(false);
    expect(isHoldableText('{"t": "\\uD83D"}')).toBe(false);
    expect(isHoldableText('{"n": 1e400}')).toBe(false);
    expect(isHoldableText("1e400")).toBe(false);
  });

  it("keeps pairs, and has a replacement for halves and NUL in texts and names", () => {
    expect(
      cleanJson({ "a\0": ["\uD83D\uDE00", "x\uD83D", "\uDE00y", "\uDE00\uD83D"], b: null, c: 1, d: true }),
    ).toEqual({
      "a�": ["😀", "x�", "�y", "��"],
      b: null,
      c: 1,
      d: true,
    });
  });
});
