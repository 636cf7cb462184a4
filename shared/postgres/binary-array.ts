import { type BinaryType, BinaryWriter } from "./binary-writer.ts";

/** From pg_type: these numbers are part of the protocol and never change. */
const OIDS: Record<BinaryType, number> = {
  uuid: 2950,
  timestamptz: 1184,
  text: 25,
  integer: 23,
  bigint: 20,
  "double precision": 701,
  numeric: 1700,
  jsonb: 3802,
  bytea: 17,
};

const EXPECTED_BYTES: Record<BinaryType, number> = {
  uuid: 20,
  timestamptz: 12,
  text: 60,
  integer: 8,
  bigint: 12,
  "double precision": 12,
  numeric: 24,
  jsonb: 250,
  bytea: 4,
};

/** A one-dimensional array as a binary parameter; pg sends a Buffer as it is, so the statement casts it: `$1::uuid[]`. */
export function encodeArray(type: BinaryType, values: readonly unknown[]): Buffer {
  const room = type === "bytea" ? bytesIn(values) : 0;
  const writer = new BinaryWriter(20 + values.length * EXPECTED_BYTES[type] + room);
  writer.int32(1);
  writer.int32(values.includes(null) || values.includes(undefined) ? 1 : 0);
  writer.int32(OIDS[type]);
  writer.int32(values.length);
  writer.int32(1);
  // By index, because the arrays are of too many kinds for their iterators to be optimized away.
  for (let index = 0; index < values.length; index += 1) writer.value(type, values[index]);
  return writer.finish();
}

/** Bytes may be many megabytes, so room for them is made once. */
function bytesIn(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + (value instanceof Uint8Array ? value.length : 0), 0);
}
