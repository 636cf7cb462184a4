import { mark } from "./secret-mark.ts";

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
const KEY_CHARS_MAX = 32_768;
/** One line of key material: base64 or an RFC 1421 header, up to a real or a written-out line break. */
const BODY_LINE =
  /[ \t]*(?:(?:Proc-Type|DEK-Info|Version|Comment): [^\n\\]{0,200}|[A-Za-z0-9+/=]{0,512})[ \t.…]{0,8}(?:\\r)?(?:\r?\n|(?:\\){1,4}n|$|(?=["'`]))/y;

/** Masks private keys in PEM form, also those whose begin or end was cut off. Scans the text a fixed number of times. */
export function maskPrivateKeys(text: string): string {
  const ends = [...text.matchAll(END)].map((match) => match.index + match[0].length);
  let out = "";
  let done = 0;
  let next = 0;
  for (const begin of text.matchAll(BEGIN)) {
    if (begin.index < done) continue;
    const from = begin.index + begin[0].length;
    while (next < ends.length && (ends[next] ?? 0) <= from) next++;
    const end = ends[next];
    out += text.slice(done, begin.index) + mark("private-key");
    done = end !== undefined && end - from <= KEY_CHARS_MAX ? end : endOfBody(text, from);
  }
  return maskHeadless(out + text.slice(done));
}

function endOfBody(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    BODY_LINE.lastIndex = at;
    if (!BODY_LINE.test(text) || BODY_LINE.lastIndex === at) return at;
    at = BODY_LINE.lastIndex;
  }
  return at;
}

const BODY_CHAR = /[A-Za-z0-9+/=\r\n\\]/;

function maskHeadless(text: string): string {
  let out = "";
  let done = 0;
  for (const end of text.matchAll(END)) {
    const limit = Math.max(done, end.index - KEY_CHARS_MAX);
    let from = end.index;
    while (from > limit && BODY_CHAR.test(text.charAt(from - 1))) from--;
    // Stopped inside a line of prose: that line's last word is not key material.
    if (from > 0 && /[ \t]/.test(text.charAt(from - 1))) {
      const lineEnd = text.indexOf("\n", from);
      if (lineEnd !== -1 && lineEnd - from < 16 && lineEnd < end.index) from = lineEnd + 1;
    }
    out += text.slice(done, from) + mark("private-key");
    done = end.index + end[0].length;
  }
  return out + text.slice(done);
}
