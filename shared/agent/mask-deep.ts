import { maskSecrets } from "./mask-secrets.ts";
import { mark } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";

/** Values nested deeper than this are replaced, because what is not looked at cannot be called masked. */
const DEPTH_MAX = 64;

/**
 * A copy of a JSON value with `maskSecrets` applied to every text and every key at any depth; the text of a field that
 * is named as a secret is masked whatever it says, as is what follows a flag such as `--password` in a list.
 */
export function maskDeep(value: Readonly<Record<string, unknown>>): Record<string, unknown>;
export function maskDeep(value: unknown): unknown;
export function maskDeep(value: unknown): unknown {
  return maskValue(value, 0);
}

function maskValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return maskSecrets(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_MAX) return mark("too-deep");
  if (Array.isArray(value)) return maskList(value, depth);
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const name = nameOf(key);
    const masked = maskNamed(name.isSecret, field, depth);
    // Assigning to __proto__ would set the prototype.
    if (name.masked === "__proto__")
      Object.defineProperty(copy, name.masked, { value: masked, enumerable: true });
    else copy[name.masked] = masked;
  }
  return copy;
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

function maskList(list: readonly unknown[], depth: number): unknown[] {
  return list.map((item, index) => {
    const before = list[index - 1];
    const isFlagged = typeof before === "string" && before.startsWith("-") && isSecretName(before);
    return isFlagged && typeof item === "string" && !item.startsWith("-")
      ? maskNamed(true, item, depth)
      : maskValue(item, depth + 1);
  });
}
