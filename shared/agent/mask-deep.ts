import { maskSecrets } from "./mask-secrets.ts";
import { mark } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";

/** Values nested deeper than this are replaced, because what is not looked at cannot be called masked. */
const DEPTH_MAX = 64;

/**
 * A JSON value with `maskSecrets` applied to every text and every key at any depth; the text of a field that is named as a
 * secret is masked whatever it says, as is what follows a flag such as `--password` in a list. What holds nothing to mask
 * is returned as it is, not copied.
 */
export function maskDeep(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
export function maskDeep(value: unknown): unknown;
export function maskDeep(value: unknown): unknown {
  return maskValue(value, 0);
}

function maskValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return maskSecrets(value);
  if (!isObject(value)) return value;
  if (depth >= DEPTH_MAX) return mark("too-deep");
  return Array.isArray(value) ? maskList(value, depth) : maskFields(value, depth);
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function maskFields(fields: Fields, depth: number): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const key in fields) {
    const name = nameOf(key);
    const masked = maskNamed(name.isSecret, fields[key], depth);
    if (copy === null) {
      if (masked === fields[key] && name.masked === key) continue;
      copy = {};
      for (const before in fields) {
        if (before === key) break;
        put(copy, before, fields[before]);
      }
    }
    put(copy, name.masked, masked);
  }
  return copy ?? fields;
}

/** Assigning to __proto__ would set the prototype. */
function put(copy: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") Object.defineProperty(copy, name, { value, enumerable: true });
  else copy[name] = value;
}

interface Name {
  masked: string;
  isSecret: boolean;
}

/** Field names are few and come again with every record. */
const names = new Map<string, Name>();
const NAMES_MAX = 2_000;
const NAME_CHARS_MAX = 100;

function nameOf(key: string): Name {
  const known = names.get(key);
  if (known !== undefined) return known;
  const name = { masked: maskSecrets(key), isSecret: isSecretName(key) };
  if (key.length <= NAME_CHARS_MAX && names.size < NAMES_MAX) names.set(key, name);
  return name;
}

function maskNamed(isSecret: boolean, value: unknown, depth: number): unknown {
  if (typeof value !== "string" || value === "" || !isSecret) return maskValue(value, depth + 1);
  const masked = maskSecrets(value);
  return masked.startsWith("[masked:") && masked.endsWith("]") ? masked : mark("secret");
}

function maskList(list: readonly unknown[], depth: number): readonly unknown[] {
  const masked = list.map((item, index) => {
    const before = list[index - 1];
    const isFlagged = typeof before === "string" && before.startsWith("-") && isSecretName(before);
    return isFlagged && typeof item === "string" && !item.startsWith("-")
      ? maskNamed(true, item, depth)
      : maskValue(item, depth + 1);
  });
  return masked.every((item, index) => item === list[index]) ? list : masked;
}
