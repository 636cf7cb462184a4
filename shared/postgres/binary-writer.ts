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
  #view: DataView;
  #length = 0;

  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(64, expectedBytes));
    this.#view = viewOf(this.#bytes);
  }

  /** What was written. The writer is not to be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#view.setInt16(this.#length, value);
    this.#length += 2;
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw new RangeError("not a whole number that an integer column can hold");
    this.#reserve(4);
    this.#view.setInt32(this.#length, value);
    this.#length += 4;
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
    this.#view = viewOf(larger);
  }

  #uuid(value: string): void {
    this.#reserve(20);
    this.#view.setInt32(this.#length, 16);
    let at = this.#length + 4;
    const end = at + 16;
    let high = -1;
    for (let index = 0; index < value.length; index += 1) {
      const char = value.charCodeAt(index);
      if (char === DASH) continue;
      const digit = char < 128 ? (HEX_DIGITS[char] ?? NO_DIGIT) : NO_DIGIT;
      if (digit === NO_DIGIT || at === end) throw new TypeError("not a UUID");
      if (high === -1) {
        high = digit;
      } else {
        this.#bytes[at] = high * 16 + digit;
        at += 1;
        high = -1;
      }
    }
    if (at !== end) throw new TypeError("not a UUID");
    this.#length = end;
  }

  #int64(value: number): void {
    if (!Number.isSafeInteger(value))
      throw new RangeError("not a whole number that a bigint column can hold");
    this.#reserve(12);
    const high = Math.floor(value / TWO_32);
    this.#view.setInt32(this.#length, 8);
    this.#view.setInt32(this.#length + 4, high);
    this.#view.setUint32(this.#length + 8, value - high * TWO_32);
    this.#length += 12;
  }

  #float64(value: number): void {
    this.#reserve(12);
    this.#view.setInt32(this.#length, 8);
    this.#view.setFloat64(this.#length + 4, value);
    this.#length += 12;
  }

  #raw(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#view.setInt32(this.#length, value.length);
    this.#bytes.set(value, this.#length + 4);
    this.#length += 4 + value.length;
  }

  #text(value: string): void {
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    this.#reserve(4 + value.length * 3);
    const bytes = this.#bytes.write(value, this.#length + 4);
    this.#view.setInt32(this.#length, bytes);
    this.#length += 4 + bytes;
  }

  #json(value: unknown): void {
    const text = JSON.stringify(value);
    this.#reserve(5 + text.length * 3);
    const bytes = this.#bytes.write(text, this.#length + 5) + 1;
    this.#view.setInt32(this.#length, bytes);
    this.#bytes[this.#length + 4] = JSONB_VERSION;
    this.#length += 4 + bytes;
  }

  /**
   * Whole pico-dollars as a decimal with twelve digits after the point. numeric holds base-10,000 digits, of which three are
   * the fraction; leading and trailing zeros are left out.
   */
  #money(pico: bigint): void {
    const groups = groupsOf(pico < 0n ? -pico : pico);
    let top = groups;
    while (top > 0 && GROUPS[top - 1] === 0) top -= 1;
    let bottom = 0;
    while (bottom < top && GROUPS[bottom] === 0) bottom += 1;
    const count = top - bottom;
    this.#reserve(12 + count * 2);
    this.int32(8 + count * 2);
    this.int16(count);
    this.int16(count === 0 ? 0 : top - FRACTION_GROUPS - 1);
    this.int16(pico < 0n ? NEGATIVE : 0);
    this.int16(FRACTION_GROUPS * 4);
    for (let at = top - 1; at >= bottom; at -= 1) this.int16(GROUPS[at] ?? 0);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const DASH = 45;
const NO_DIGIT = 255;
const HEX_DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (let value = 0; value < 16; value += 1) {
  const digit = value.toString(16);
  HEX_DIGITS[digit.charCodeAt(0)] = value;
  HEX_DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

const FRACTION_GROUPS = 3;
const NEGATIVE = 0x4000;
const BASE = 10_000;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** The base-10,000 digits of the number that is being written, lowest first. */
const GROUPS: number[] = [];

/** Puts a whole number's digits into GROUPS; how many they are, at least those of the fraction. */
function groupsOf(value: bigint): number {
  let count = 0;
  let rest = value;
  while (rest > SAFE) {
    GROUPS[count++] = Number(rest % 10_000n);
    rest /= 10_000n;
  }
  for (let small = Number(rest); small > 0 || count < FRACTION_GROUPS; small = Math.floor(small / BASE)) {
    GROUPS[count++] = small % BASE;
  }
  return count;
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
