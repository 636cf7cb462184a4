import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  bigInt,
  double,
  integer,
  option,
  string,
  tuple,
  uuid,
} from "fast-check";
import { expect, it } from "vitest";
import { decodeParquet, digestOfRows, encodeParquet } from "../../../shared/retention/parquet.ts";

const COLUMNS = [
  { name: "id", type: "uuid" },
  { name: "big", type: "bigint" },
  { name: "small", type: "integer" },
  { name: "rate", type: "double precision" },
  { name: "at", type: "timestamp with time zone" },
  { name: "cost", type: "numeric" },
  { name: "note", type: "jsonb" },
];

const orNull = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | null> => option(arbitrary, { nil: null });

/** Microseconds from 1970 to 2099, as PostgreSQL writes them. */
const time = bigInt({ min: 0n, max: 4_070_908_800_000_000n }).map((micros) => {
  const fraction = String(micros % 1_000_000n)
    .padStart(6, "0")
    .replace(/0+$/, "");
  const whole = new Date(Number(micros / 1_000n)).toISOString().slice(0, 19).replace("T", " ");
  return `${whole}${fraction === "" ? "" : `.${fraction}`}+00`;
});

const row = tuple(
  uuid(),
  orNull(bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  orNull(integer().map(String)),
  orNull(double({ noNaN: true, noDefaultInfinity: true }).map(String)),
  orNull(time),
  orNull(bigInt({ min: 0n, max: 10n ** 20n }).map((units) => `${units}.000000000001`)),
  orNull(string({ unit: "binary", maxLength: 200 })),
);

it("gives back what was written, to the last digit and character", async () => {
  await assert(
    asyncProperty(array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
      const read = await decodeParquet(COLUMNS, encodeParquet(COLUMNS, rows));
      expect(digestOfRows(COLUMNS, read)).toBe(digestOfRows(COLUMNS, rows));
      for (const [index, texts] of rows.entries())
        for (const column of [0, 1, 2, 4, 5, 6]) expect(read[index]?.[column]).toBe(texts[column]);
    }),
    { numRuns: 60 },
  );
});

it("refuses a file with other columns", async () => {
  const bytes = encodeParquet(COLUMNS.slice(0, 2), [["x", "1"]]);
  await expect(decodeParquet(COLUMNS, bytes)).rejects.toThrow(/other columns/);
});

it("tells rows apart that differ in one value, or in which is null", () => {
  const digests = ["1", "2", null].map((value) => digestOfRows(COLUMNS.slice(0, 2), [["x", value]]));
  expect(new Set(digests).size).toBe(3);
});
