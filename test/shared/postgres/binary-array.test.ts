import * as fc from "fast-check";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatUsd } from "../../../shared/agent/usd.ts";
import { encodeArray } from "../../../shared/postgres/binary-array.ts";
import type { BinaryType } from "../../../shared/postgres/binary-writer.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";

/** What this file guards: PostgreSQL reads from a binary array exactly what was written into it. */
let databases: TestDatabases;
let sql: Client;
beforeAll(async () => {
  databases = await createDatabases();
  sql = new Client({ connectionString: databases.databaseUrl });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await databases.close();
});

/** What the server makes of the array, as texts. */
async function read(type: BinaryType, values: readonly unknown[], cast = "text"): Promise<(string | null)[]> {
  const text = `select value::${cast} as value from unnest($1::${type}[]) with ordinality as x(value, n) order by n`;
  const { rows } = await sql.query<{ value: string | null }>(text, [encodeArray(type, values)]);
  return rows.map((row) => row.value);
}

const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> =>
  fc.array(fc.option(arbitrary), { maxLength: 30 });
const storable = fc
  .string({ unit: "grapheme" })
  .filter((text) => text.isWellFormed() && !text.includes("\0"));

async function holds<T>(
  type: BinaryType,
  arbitrary: fc.Arbitrary<T>,
  expected: (value: T) => string,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(orNull(arbitrary), async (values) => {
      expect(await read(type, values)).toEqual(
        values.map((value) => (value === null ? null : expected(value))),
      );
    }),
    { numRuns: 60 },
  );
}

describe("binary arrays", () => {
  it("hold UUIDs", async () => {
    await expect(holds("uuid", fc.uuid(), (value) => value)).resolves.toBeUndefined();
  });
  it("hold texts of any script", async () => {
    await expect(holds("text", storable, (value) => value)).resolves.toBeUndefined();
  });
  it("hold integers", async () => {
    await expect(holds("integer", fc.integer(), String)).resolves.toBeUndefined();
  });
  it("hold whole numbers up to 2^53", async () => {
    await expect(holds("bigint", fc.maxSafeInteger(), String)).resolves.toBeUndefined();
  });

  it("hold money to the pico-dollar, of any size and sign", async () => {
    const money = fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n });
    await expect(holds("numeric", money, formatUsd)).resolves.toBeUndefined();
  });

  it.each([0n, 1n, -1n, 10n ** 12n, 9_999n, 10_000n, 10n ** 16n, 123_400_000_000_000_000n])(
    "hold %s pico-dollars",
    async (pico) => {
      expect(await read("numeric", [pico])).toEqual([formatUsd(pico)]);
    },
  );

  it("hold fractions exactly", async () => {
    await fc.assert(
      fc.asyncProperty(orNull(fc.double({ noNaN: true, noDefaultInfinity: true })), async (values) => {
        const texts = await read("double precision", values);
        // Adding 0 makes one zero of the two.
        expect(texts.map((text) => (text === null ? null : Number(text) + 0))).toEqual(
          values.map((value) => (value === null ? null : value + 0)),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("hold moments to the millisecond, before and after 2000", async () => {
    await fc.assert(
      fc.asyncProperty(
        orNull(fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2100, 0) })),
        async (values) => {
          const text = "extract(epoch from value) * 1000";
          const { rows } = await sql.query<{ value: string | null }>(
            `select (${text})::bigint::text as value from unnest($1::timestamptz[]) with ordinality as x(value, n) order by n`,
            [encodeArray("timestamptz", values)],
          );
          expect(rows.map((row) => row.value)).toEqual(
            values.map((value) => (value === null ? null : String(value))),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("hold JSON values", async () => {
    const json = fc.dictionary(storable, fc.oneof(storable, fc.integer(), fc.boolean(), fc.constant(null)));
    await fc.assert(
      fc.asyncProperty(orNull(json), async (values) => {
        const texts = await read("jsonb", values);
        const parsed = texts.map((text) => (text === null ? null : (JSON.parse(text) as unknown)));
        expect(parsed).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 60 },
    );
  });

  it.each<[BinaryType, unknown]>([
    ["uuid", "no-uuid"],
    ["bigint", 2 ** 60],
    ["bigint", 1.5],
    ["integer", "7"],
    ["numeric", "1.5"],
    ["text", 7],
  ])("refuse a value that is no %s (%j)", (type, value) => {
    expect(() => encodeArray(type, [value])).toThrow(/not/);
  });
});
