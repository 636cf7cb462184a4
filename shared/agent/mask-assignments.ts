import { endOfMarks, mark } from "./secret-mark.ts";
import { isSecretName, kindOfName, secretAssignments } from "./secret-names.ts";

const ASSIGNMENT = secretAssignments();
const NAME_CHARS_MAX = 64;
const QUOTED_CHARS_MAX = 8_192;
const OUTER_CHARS_MAX = 1_024;
const QUOTES = new Set([`"`, "'", "`"]);

interface Value {
  readonly from: number;
  readonly to: number;
  readonly quoted: boolean;
}

/**
 * Masks values that are named as secrets: `password=…`, `"api_key": "…"`, `--token …`, `Authorization: Bearer …`, in
 * shell, env, JSON, YAML, query-string and flag forms. Every value that is looked at is either masked and skipped, or
 * bounded, so that the work grows with the text.
 */
export function maskAssignments(text: string): string {
  let out = "";
  let done = 0;
  ASSIGNMENT.lastIndex = 0;
  for (let found = ASSIGNMENT.exec(text); found !== null; found = ASSIGNMENT.exec(text)) {
    const stem = found[1] ?? "";
    const joint = found[2] ?? "";
    const value = findSecret(text, found.index, stem, joint, ASSIGNMENT.lastIndex);
    if (value === null) continue;
    out += text.slice(done, value.from) + mark(kindOfName(stem));
    done = value.to;
    ASSIGNMENT.lastIndex = value.to;
  }
  return done === 0 ? text : out + text.slice(done);
}

function findSecret(
  text: string,
  stemAt: number,
  stem: string,
  joint: string,
  valueAt: number,
): Value | null {
  const name = stem.toLowerCase();
  if (name === "authorization") return findCredentials(text, stemAt, joint, valueAt);
  const nameAt = startOfName(text, stemAt);
  // `-pSecret` is a short flag with its value, not a flag of that name.
  const isFlag = text.charAt(nameAt) === "-" && (text.charAt(nameAt + 1) === "-" || nameAt + 1 === stemAt);
  const spaced = joint.trim() === "" || /^\s+is\s/i.test(joint);
  if (name === "cookie") return spaced || isFlag ? null : findCookie(text, nameAt, valueAt);

  const value = readValue(text, nameAt, valueAt, spaced);
  if (value.to <= value.from || isHarmless(text, value, name, joint)) return null;
  const content = text.slice(value.from, Math.min(value.to, value.from + 256));
  if (name === "bearer") return spaced && looksSecret(content, 20) ? value : null;
  if (spaced) return isSpacedSecret(content, joint, isFlag, value.quoted) ? value : null;
  if (joint === "=" || joint.endsWith("%3D") || value.quoted) return value;
  if (joint.includes("==")) return null;
  // `pwd` followed by a plain name or number is mostly a working directory in code.
  if (name === "pwd" && !/[!@#$%^+=~]|[A-Za-z]\d|\d[A-Za-z]/.test(content)) return null;
  const named = /[_.-]|[a-z][A-Z]/.test(text.slice(nameAt, stemAt + stem.length)) || /["'`\]]/.test(joint);
  return named || looksSecret(content, 32) || isAloneOnLine(text, nameAt, value) ? value : null;
}

function isSpacedSecret(content: string, joint: string, isFlag: boolean, quoted: boolean): boolean {
  if (isFlag && joint.trim() === "") return !content.startsWith("-") && !PROSE.test(content);
  return joint.trim() !== "" && (quoted || looksSecret(content, 20));
}

/** Words that follow a flag when it is talked about rather than used. */
const PROSE =
  /^(?:flag|option|argument|arg|parameter|param|value|is|are|was|and|or|to|for|in|on|of|from|with|should|must|can|will|when|if|that|which|the|as|instead|because|so|not|does|needs|support|so)[.,;:!?]?$/i;

function startOfName(text: string, stemAt: number): number {
  const limit = Math.max(0, stemAt - NAME_CHARS_MAX);
  let at = stemAt;
  while (at > limit && isNameChar(text.charCodeAt(at - 1))) at--;
  return at;
}

/** Letters, digits, underscore, dash, dot. */
function isNameChar(char: number): boolean {
  return (
    (char >= 97 && char <= 122) ||
    (char >= 65 && char <= 90) ||
    (char >= 48 && char <= 57) ||
    char === 95 ||
    char === 45 ||
    char === 46
  );
}

function readValue(text: string, nameAt: number, at: number, spaced: boolean): Value {
  let open = at;
  while (text.charCodeAt(open) === 92 && open < at + 4) open++;
  if (QUOTES.has(text.charAt(open))) {
    const from = open + 1;
    return { from, to: endOfQuoted(text, from, text.slice(at, from)), quoted: true };
  }
  const outer = text.charAt(nameAt - 1);
  if (!spaced && (outer === `"` || outer === "'") && text.charAt(at - 1) === "=") {
    const close = text.indexOf(outer, at);
    const line = text.slice(at, Math.min(close, at + OUTER_CHARS_MAX));
    if (close !== -1 && close - at <= OUTER_CHARS_MAX && !line.includes("\n")) {
      return { from: at, to: close, quoted: true };
    }
  }
  return { from: at, to: endOfUnquoted(text, at), quoted: false };
}

/** The end of a quoted value: its closing quote, else the end of the line. `open` is the quote with its backslashes. */
function endOfQuoted(text: string, from: number, open: string): number {
  const limit = Math.min(text.length, from + QUOTED_CHARS_MAX);
  const quote = open.charCodeAt(open.length - 1);
  const escapes = open.length - 1;
  let backslashes = 0;
  for (let at = from; at < limit; at++) {
    const char = text.charCodeAt(at);
    if (char === 10) return at;
    if (char === 92) backslashes++;
    else {
      if (char === quote && (escapes === 0 ? backslashes % 2 === 0 : backslashes <= escapes)) {
        return at - Math.min(backslashes, escapes);
      }
      backslashes = 0;
    }
  }
  return limit;
}

const NEXT_PAIR = /[ \t]?["']?[\w.-]{1,32}["']?[ \t]?[=:]|\s|$/y;
const CLOSERS = ")]}>,;:.!?|";

function endOfUnquoted(text: string, from: number): number {
  let at = endOfMarks(text, from);
  for (; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char <= 32 || char === 34 || char === 39 || char === 96) break;
    if (char === 92 && /[nrt"'\\]/.test(text.charAt(at + 1))) break;
    if (char === 38 || char === 44 || char === 59) {
      NEXT_PAIR.lastIndex = at + 1;
      if (NEXT_PAIR.test(text)) break;
    }
  }
  const marks = endOfMarks(text, from);
  while (at > marks && at > from && CLOSERS.includes(text.charAt(at - 1))) at--;
  return at;
}

/** Stands for a secret that is kept elsewhere, or was taken out before. */
const PLACEHOLDER =
  /^(?:\$\{?[A-Z_][A-Z0-9_]*\}?|\$[({].*|\{\{.*|%[A-Z_]+%|\$env:\w+|\[?R(?:edacted|EDACTED)\]?|your[-_][\w-]+|\w{0,8}\*{4,}|\*+|[xX]{3,}|\.{3}|…)$/s;
const CODE = /^(?:process\.env\b|os\.(?:environ|getenv)\b|import\.meta\.env\b)/;
const CALL = /^[A-Za-z_$][\w$.]*\(/;
const WORDLESS =
  /^(?:null|nil|none|true|false|undefined|string|str|number|int|boolean|bool|any|unknown|never|void|bytes|object|buffer|uint8array|cryptokey|optional|required|include|omit|same-origin|is|the|a|await|new)$/i;
const SMALL_NUMBER = /^\d{0,5}(?:\.\d{1,9})?(?:m?s|[kKM])?$/;

/** A field of an object, as in code: `config.apiKey`. */
const MEMBER = /^[*&]?[A-Za-z_$][A-Za-z_$]*(?:\??\.[A-Za-z_$]+)+$/;

/** Whether a value is masked already, refers to a secret kept elsewhere, or is a type, a count or a path. */
function isHarmless(text: string, { from, to, quoted }: Value, name: string, joint: string): boolean {
  const marks = endOfMarks(text, from);
  if (marks >= to) return true;
  if (to - from > 256) return false;
  const content = text.slice(from, to);
  if (marks > from && /^[)\]}>,;.\s]*$/.test(content.slice(marks - from))) return true;
  if (/^[\s:=/\\-]*$/.test(content) || WORDLESS.test(content)) return true;
  if (PLACEHOLDER.test(content) || (content.startsWith("<") && (content + text.charAt(to)).endsWith(">")))
    return true;
  if (!quoted && (CODE.test(content) || (joint !== "=" && CALL.test(content)))) return true;
  if (name === "token" && SMALL_NUMBER.test(content)) return true;
  if (name === "pwd" && /^[/~.\\]/.test(content)) return true;
  if (!quoted && content.startsWith(":")) return true;
  return !quoted && MEMBER.test(content) && (isSecretName(content) || /\s$/.test(joint));
}

/** Whether a bare word reads like a secret rather than like language: digits among letters, symbols, or great length. */
function looksSecret(content: string, longAt: number): boolean {
  if (content.length < 4) return /^\d+$/.test(content);
  if (content.length >= longAt && /^[\w+/=.~-]+$/.test(content)) return true;
  return /\d/.test(content) || /[!@#$%^&*+=~]/.test(content) || /[a-z][A-Z]/.test(content);
}

const LINE_REST = /[ \t)\]},;]*(?:#.*)?(?:\r?\n|$)/y;

/** Whether the name begins its line (as in YAML) and nothing follows the value there. */
function isAloneOnLine(text: string, nameAt: number, value: Value): boolean {
  LINE_REST.lastIndex = value.to;
  if (!LINE_REST.test(text)) return false;
  const limit = Math.max(0, nameAt - NAME_CHARS_MAX);
  for (let at = nameAt - 1; at >= limit; at--) {
    const char = text.charAt(at);
    if (char === "\n") return true;
    if (char !== " " && char !== "\t" && char !== "-" && char !== "{") return false;
  }
  return limit === 0;
}

const SCHEME =
  /["'`]?(?:bearer|basic|token|digest|negotiate|api-?key|bot|aws4-hmac-sha256)(?:[ \t]{1,4}|%20|\+)/iy;

/** The credentials of an `Authorization` header; the scheme stays readable. */
function findCredentials(text: string, nameAt: number, joint: string, at: number): Value | null {
  if (joint.trim() === "") return null;
  SCHEME.lastIndex = at;
  const schemed = SCHEME.test(text);
  const from = schemed ? SCHEME.lastIndex : at;
  const value = schemed
    ? {
        from,
        to: /^["'`]?(?:digest|aws4)/i.test(text.slice(at, at + 8))
          ? endOfLine(text, from)
          : endOfUnquoted(text, from),
        quoted: false,
      }
    : readValue(text, startOfName(text, nameAt), at, false);
  if (value.to <= value.from || isHarmless(text, value, "authorization", "=")) return null;
  if (schemed) return value;
  return value.quoted || looksSecret(text.slice(value.from, Math.min(value.to, value.from + 256)), 20)
    ? value
    : null;
}

function findCookie(text: string, nameAt: number, at: number): Value | null {
  const open = QUOTES.has(text.charAt(at)) ? at + 1 : at;
  const value = { from: open, to: endOfLine(text, open), quoted: true };
  if (endOfMarks(text, open) >= value.to || !text.slice(open, value.to).includes("=")) return null;
  return nameAt === at ? null : value;
}

/** Where a header value ends: the line, or the quotes around the header. */
function endOfLine(text: string, from: number): number {
  const limit = Math.min(text.length, from + QUOTED_CHARS_MAX);
  let at = from;
  while (at < limit && text.charCodeAt(at) !== 10 && text.charCodeAt(at) !== 34 && text.charCodeAt(at) !== 39)
    at++;
  return at;
}
