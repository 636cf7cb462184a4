import { maskAssignments } from "./mask-assignments.ts";
import { maskPrivateKeys } from "./mask-private-keys.ts";
import { maskToolFlags } from "./mask-tool-flags.ts";
import { maskUrls } from "./mask-urls.ts";
import { mark } from "./secret-mark.ts";
import { maskTokens } from "./secret-tokens.ts";

const PASSES_MAX = 4;
const TOKEN_CHARS_MIN = 16;

/**
 * Replaces secrets by marks such as `[masked:github-token]`: keys and tokens known by their form, private keys, passwords
 * in URLs, and values named as secrets. Idempotent: text is masked until nothing more is found (a text that does not
 * settle in four passes is masked as a whole). The result has at most 5 times the characters of the text, plus 24. The
 * work grows with the length of the text.
 */
export function maskSecrets(text: string): string {
  let current = text;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const masked = maskOnce(current);
    if (masked === current) return masked;
    current = masked;
  }
  return mark("unstable-text");
}

function maskOnce(text: string): string {
  const signs = signsOf(text);
  let masked = text;
  if (signs & PRIVATE_KEY) masked = maskPrivateKeys(masked);
  if (signs & LONG_RUN) masked = maskTokens(masked);
  if (signs & AT && masked.includes("://")) masked = maskUrls(masked);
  if (signs & JOINT || masked !== text) masked = maskAssignments(masked);
  return signs & DASH ? maskToolFlags(masked) : masked;
}

const PRIVATE_KEY = 1;
const LONG_RUN = 2;
const AT = 4;
const DASH = 8;
/** What can join a name to its value. */
const JOINT = 16;
const RUN = 32;
/** Every form of a token has such a character in its run, ids and digests in hexadecimal digits have none. */
const NOT_HEX = 64;

const SIGNS = new Uint8Array(128);
for (const [chars, sign] of [
  ["0123456789abcdef-", RUN],
  ["ABCDEFGHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz_./+:", RUN | NOT_HEX],
  ["@", AT],
  ["-", DASH],
  [" \t=:%", JOINT],
] as const) {
  for (const char of chars) SIGNS[char.charCodeAt(0)] = (SIGNS[char.charCodeAt(0)] ?? 0) | sign;
}

/** One look at each character says which searches are worth while; most texts need none or one. */
function signsOf(text: string): number {
  let signs = 0;
  let run = 0;
  let ofRun = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    const sign = char < 128 ? (SIGNS[char] ?? 0) : 0;
    signs |= sign;
    if ((sign & RUN) === 0) {
      run = 0;
      ofRun = 0;
    } else {
      ofRun |= sign;
      if (++run >= TOKEN_CHARS_MIN && ofRun & NOT_HEX) signs |= LONG_RUN;
    }
  }
  return signs & DASH && text.includes("PRIVATE KEY") ? signs | PRIVATE_KEY : signs;
}
