import { createHash } from "node:crypto";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { parquetMetadataAsync, parquetReadObjects, type SchemaElement } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { ArchiveColumn } from "../postgres/retention-archives.ts";

/**
 * Rows of the ledger as Parquet and back, without loss: whole numbers as INT32 and INT64, times as microseconds in UTC,
 * doubles as they are; money, UUIDs and JSON as the text PostgreSQL writes, because no Parquet reader agrees on them.
 */
export type Texts = readonly (string | null)[];

type Value = string | number | bigint | null;

interface Kind {
  element: Pick<SchemaElement, "type" | "converted_type">;
  toValue: (text: string) => Value;
  toText: (value: Value) => string;
}

const TEXT: Kind = {
  element: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  toValue: (text) => text,
  toText: String,
};
const KINDS: Readonly<Record<string, Kind>> = {
  bigint: { element: { type: "INT64" }, toValue: BigInt, toText: String },
  integer: { element: { type: "INT32" }, toValue: Number, toText: String },
  "double precision": { element: { type: "DOUBLE" }, toValue: Number, toText: String },
  "timestamp with time zone": {
    element: { type: "INT64", converted_type: "TIMESTAMP_MICROS" },
    toValue: microsOf,
    toText: (micros) => timeOf(BigInt(micros ?? 0)),
  },
};

const kindOf = ({ type }: ArchiveColumn): Kind => KINDS[type] ?? TEXT;

const TIME = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/;

/** Microseconds since 1970 of a time as PostgreSQL writes it in UTC. */
function microsOf(text: string): bigint {
  const [, day, time, fraction = ""] = TIME.exec(text) ?? [];
  if (day === undefined || time === undefined) throw new Error("a time that Parquet cannot hold");
  return BigInt(Date.parse(`${day}T${time}Z`)) * 1_000n + BigInt(fraction.padEnd(6, "0"));
}

function timeOf(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = new Date(Number((micros - fraction) / 1_000n)).toISOString().slice(0, 19).replace("T", " ");
  const digits = fraction === 0n ? "" : `.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`;
  return `${whole}${digits}+00`;
}

const COMPRESSORS = {
  ZSTD: (input: Uint8Array): Uint8Array => zstdCompressSync(input),
};
const DECOMPRESSORS = {
  ZSTD: (input: Uint8Array): Uint8Array => zstdDecompressSync(input),
};

/** One file of the rows, each the texts of the columns in order. */
export function encodeParquet(columns: readonly ArchiveColumn[], rows: readonly Texts[]): Buffer {
  const bytes = parquetWriteBuffer({
    columnData: columns.map((column, index) => ({
      name: column.name,
      data: rows.map((row) => {
        const text = row[index] ?? null;
        return text === null ? null : kindOf(column).toValue(text);
      }),
    })),
    schema: [
      { name: "root", num_children: columns.length },
      ...columns.map((column) => ({
        name: column.name,
        repetition_type: "OPTIONAL" as const,
        ...kindOf(column).element,
      })),
    ],
    codec: "ZSTD",
    compressors: COMPRESSORS,
    createdBy: "netra",
  });
  return Buffer.from(bytes);
}

/** The rows of a file written by `encodeParquet`; throws when it is not one of these columns. */
export async function decodeParquet(columns: readonly ArchiveColumn[], bytes: Buffer): Promise<Texts[]> {
  const copy = new Uint8Array(bytes).buffer;
  const file = {
    byteLength: copy.byteLength,
    slice: (from: number, to?: number): ArrayBuffer => copy.slice(from, to),
  };
  const metadata = await parquetMetadataAsync(file);
  const names = metadata.schema.slice(1).map(({ name }) => name);
  if (names.join() !== columns.map(({ name }) => name).join())
    throw new Error("the file has other columns than its manifest says");
  const rows: Record<string, Value>[] = await parquetReadObjects({
    file,
    metadata,
    compressors: DECOMPRESSORS,
    parsers: { timestampFromMicroseconds: (micros: bigint) => micros },
  });
  return rows.map((row) =>
    columns.map((column) => {
      const value = row[column.name] ?? null;
      return value === null ? null : kindOf(column).toText(value);
    }),
  );
}

/** One digest for what rows hold, whichever way a number was written. */
export function digestOfRows(columns: readonly ArchiveColumn[], rows: readonly Texts[]): string {
  const hash = createHash("sha256");
  for (const row of rows) {
    const texts = columns.map((column, index) => {
      const text = row[index] ?? null;
      return text === null ? null : kindOf(column).toText(kindOf(column).toValue(text));
    });
    hash.update(`${JSON.stringify(texts)}\n`);
  }
  return hash.digest("hex");
}
