/** The types rows are written in, by their names in SQL. */
export type BinaryType =
  | "uuid"
  | "timestamptz"
  | "text"
  | "integer"
  | "bigint"
  | "double precision"
  | "numeric"
  | "jsonb"
  | "bytea";

/** Times come in milliseconds since 1970; PostgreSQL counts microseconds from 2000-01-01. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const TWO_32 = 2 ** 32;
const JSONB_VERSION = 1;

/**
 * Values in PostgreSQL's binary format, each behind its length, as binary parameters and binary COPY hold them. The server
 * reads this at a third of what it costs to read the same rows as JSON.
 */
export class BinaryWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(64, expectedBytes));
  }

  /** What was written. The writer is not to be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#length = this.#bytes.writeInt16BE(value, this.#length);
  }

  int32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeInt32BE(value, this.#length);
  }

  /** One value behind its length; throws when it is not of the type, because a row must never be stored half. */
  value(type: BinaryType, value: unknown): void {
    if (value === null || value === undefined) return this.int32(-1);
    switch (type) {
      case "uuid":
        return this.#uuid(textOf(value));
      case "timestamptz":
        return this.#int64((numberOf(value) - EPOCH_MS) * 1_000);
      case "text":
        return this.#text(textOf(value));
      case "integer":
        this.int32(4);
        return this.int32(numberOf(value));
      case "bigint":
        return this.#int64(numberOf(value));
      case "double precision":
        return this.#float64(numberOf(value));
      case "numeric":
        return this.#money(bigintOf(value));
      case "jsonb":
        return this.#json(value);
      case "bytea":
        return this.#raw(bytesOf(value));
      default:
        return type satisfies never;
    }
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  #uuid(value: string): void {
    this.#reserve(20);
    this.#bytes.writeInt32BE(16, this.#length);
    const written = this.#bytes.write(value.replaceAll("-", ""), this.#length + 4, 16, "hex");
    if (written !== 16) throw new TypeError("not a UUID");
    this.#length += 20;
  }

  #int64(value: number): void {
    if (!Number.isSafeInteger(value))
      throw new RangeError("not a whole number that a bigint column can hold");
    this.#reserve(12);
    const high = Math.floor(value / TWO_32);
    this.#bytes.writeInt32BE(8, this.#length);
    this.#bytes.writeInt32BE(high, this.#length + 4);
    this.#bytes.writeUInt32BE(value - high * TWO_32, this.#length + 8);
    this.#length += 12;
  }

  #float64(value: number): void {
    this.#reserve(12);
    this.#bytes.writeInt32BE(8, this.#length);
    this.#bytes.writeDoubleBE(value, this.#length + 4);
    this.#length += 12;
  }

  #raw(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#length = this.#bytes.writeInt32BE(value.length, this.#length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #text(value: string): void {
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    this.#reserve(4 + value.length * 3);
    const bytes = this.#bytes.write(value, this.#length + 4);
    this.#bytes.writeInt32BE(bytes, this.#length);
    this.#length += 4 + bytes;
  }

  #json(value: unknown): void {
    const text = JSON.stringify(value);
    this.#reserve(5 + text.length * 3);
    const bytes = this.#bytes.write(text, this.#length + 5) + 1;
    this.#bytes.writeInt32BE(bytes, this.#length);
    this.#bytes[this.#length + 4] = JSONB_VERSION;
    this.#length += 4 + bytes;
  }

  /**
   * Whole pico-dollars as a decimal with twelve digits after the point. numeric holds base-10,000 digits, of which three are
   * the fraction; leading and trailing zeros are left out.
   */
  #money(pico: bigint): void {
    const groups = groupsOf(pico < 0n ? -pico : pico);
    let first = 0;
    while (first < groups.length && groups[first] === 0) first += 1;
    let end = groups.length;
    while (end > first && groups[end - 1] === 0) end -= 1;
    const count = end - first;
    this.#reserve(12 + count * 2);
    this.int32(8 + count * 2);
    this.int16(count);
    this.int16(count === 0 ? 0 : groups.length - FRACTION_GROUPS - first - 1);
    this.int16(pico < 0n ? NEGATIVE : 0);
    this.int16(FRACTION_GROUPS * 4);
    for (let at = first; at < end; at += 1) this.int16(groups[at] ?? 0);
  }
}

const FRACTION_GROUPS = 3;
const NEGATIVE = 0x4000;
const BASE = 10_000;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The base-10,000 digits of a whole number, highest first, at least those of the fraction. */
function groupsOf(value: bigint): number[] {
  const groups: number[] = [];
  let rest = value;
  while (rest > SAFE) {
    groups.push(Number(rest % 10_000n));
    rest /= 10_000n;
  }
  for (
    let small = Number(rest);
    small > 0 || groups.length < FRACTION_GROUPS;
    small = Math.floor(small / BASE)
  ) {
    groups.push(small % BASE);
  }
  return groups.toReversed();
}

function bigintOf(value: unknown): bigint {
  if (typeof value !== "bigint") throw new TypeError("not a bigint");
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("not a text");
  return value;
}

function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("not bytes");
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("not a number");
  return value;
}
