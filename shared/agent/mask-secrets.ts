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
  masked = maskAssignments(masked);
  return signs & DASH ? maskToolFlags(masked) : masked;
}

const PRIVATE_KEY = 1;
const LONG_RUN = 2;
const AT = 4;
const DASH = 8;

const RUN_CHAR = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./+:") {
  RUN_CHAR[char.charCodeAt(0)] = 1;
}

/** One look at each character says which searches are worth while; most commands need none but the last. */
function signsOf(text: string): number {
  let signs = 0;
  let run = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (RUN_CHAR[char] === 1) {
      if (++run === TOKEN_CHARS_MIN) signs |= LONG_RUN;
      if (char === 45) signs |= DASH;
    } else {
      run = 0;
      if (char === 64) signs |= AT;
    }
  }
  return signs & DASH && text.includes("PRIVATE KEY") ? signs | PRIVATE_KEY : signs;
}
