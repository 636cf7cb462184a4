/**
 * Values (members, items, lists) of one payload that is read. Reading costs up to some 200 MB at this bound. A body of 25 MB, the largest
 * that GitHub sends, may have a value every 25 bytes; GitHub's own have one every 27 to 60.
 */
export const PAYLOAD_VALUES_MAX = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * Whether JSON text has more than `max` values, give or take the first of each list: commas and opening brackets outside
 * of its texts are counted. What reading the text costs in memory grows with them, up to some 130 bytes each, far more
 * than with its length.
 */
export function hasMoreValuesThan(text: string, max: number): boolean {
  // Each value that counts has a character of its own.
  if (text.length <= max) return false;
  let count = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (isInText) {
      if (unit === BACKSLASH) at += 1;
      else if (unit === QUOTE) isInText = false;
    } else if (unit === QUOTE) {
      isInText = true;
    } else if (unit === COMMA || unit === BRACKET || unit === BRACE) {
      count += 1;
      if (count > max) return true;
    }
  }
  return false;
}
