/** What may be an escape of something that PostgreSQL's JSON cannot hold: NUL, or half a surrogate pair. */
const SUSPICIOUS_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;
/** What may be a number that is out of bounds; a name of a commit in a text looks the same. */
const SUSPICIOUS_NUMBER = /(?:^|[:,[\s])-?(?:\d+(?:\.\d+)?[eE][+-]?\d{3}|(?:\d+\.)?\d{300})/;

const NUMBER = /-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?/y;
/** The database has 131,072 digits before the point and 16,383 behind it; these are far below with the exponent counted in. */
const DIGITS_MAX = 10_000;
const EXPONENT_MAX = 400;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const REPLACEMENT = "fffd";

/**
 * JSON text that PostgreSQL can hold, as like the given one as can be, which is returned itself where nothing is wrong with
 * it: U+FFFD is written for NUL and halves of surrogate pairs, names of members included, and null (or what a double makes
 * of it) for numbers that no double or no number of the database can hold. All other numbers keep their digits. Text that is
 * no JSON does not become any. The text has no halves of pairs but escaped ones, as anything that was read from UTF-8.
 */
export function cleanJsonText(text: string): string {
  const hasNumber = SUSPICIOUS_NUMBER.test(text);
  if (!hasNumber && !SUSPICIOUS_ESCAPE.test(text)) return text;
  // Whatever is written is as long as what it replaces, so nothing has to be cut up, whatever the text is full of.
  const bytes = Buffer.from(text);
  const isEscapeChanged = cleanEscapes(bytes);
  const isNumberChanged = hasNumber && cleanNumbers(bytes);
  return isEscapeChanged || isNumberChanged ? bytes.toString() : text;
}

function cleanEscapes(bytes: Buffer): boolean {
  let isChanged = false;
  let at = bytes.indexOf(BACKSLASH);
  while (at !== -1) {
    let next = at + 2;
    const unit = escapedUnit(bytes, at);
    if (isHighHalf(unit) && isLowHalf(escapedUnit(bytes, at + 6))) {
      next = at + 12;
    } else if (unit === 0 || isHighHalf(unit) || isLowHalf(unit)) {
      bytes.write(REPLACEMENT, at + 2, "latin1");
      isChanged = true;
      next = at + 6;
    }
    at = nextBackslash(bytes, next);
  }
  return isChanged;
}

/** Like indexOf(), without the cost of a call where one escape follows the other. */
function nextBackslash(bytes: Buffer, from: number): number {
  if (bytes[from] === BACKSLASH) return from;
  return from >= bytes.length ? -1 : bytes.indexOf(BACKSLASH, from);
}

/** The code unit of the escape `\uXXXX` at a place; null when there is none. */
function escapedUnit(bytes: Buffer, at: number): number | null {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== LETTER_U) return null;
  let unit = 0;
  for (let digit = at + 2; digit < at + 6; digit += 1) {
    const value = hexValue(bytes[digit] ?? 0);
    if (value === null) return null;
    unit = unit * 16 + value;
  }
  return unit;
}

function hexValue(byte: number): number | null {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : null;
}

function isHighHalf(unit: number | null): boolean {
  return unit !== null && unit >= 0xd800 && unit <= 0xdbff;
}

function isLowHalf(unit: number | null): boolean {
  return unit !== null && unit >= 0xdc00 && unit <= 0xdfff;
}

function cleanNumbers(bytes: Buffer): boolean {
  // One character for each byte, so that places are the same in both.
  const text = bytes.toString("latin1");
  let isChanged = false;
  let isInText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (isInText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInText = false;
    } else if (byte === QUOTE) {
      isInText = true;
    } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      NUMBER.lastIndex = at;
      const found = NUMBER.exec(text);
      if (found === null) continue;
      const [token] = found;
      const replacement = replacementOf(found);
      if (replacement !== null) {
        bytes.write(replacement.padEnd(token.length), at, "latin1");
        isChanged = true;
      }
      at += token.length - 1;
    }
  }
  return isChanged;
}

/** What to write for a number, never longer than it; null when it can stay. */
function replacementOf([token, whole = "", fraction = "", exponent = "0"]: RegExpExecArray): string | null {
  const value = Number(token);
  // At least `1e309` or as many digits, so there is room for the word.
  if (!Number.isFinite(value)) return "null";
  const isWithin =
    whole.length <= DIGITS_MAX && fraction.length <= DIGITS_MAX && Math.abs(Number(exponent)) <= EXPONENT_MAX;
  // A short number with such an exponent is 0; one that is not 0 has digits to make up for it, more than a double shows.
  return isWithin ? null : String(value);
}
