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
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [maskSecrets(key), maskNamed(key, field, depth)]),
  );
}

function maskNamed(name: string, value: unknown, depth: number): unknown {
  if (typeof value !== "string" || value === "" || !isSecretName(name)) return maskValue(value, depth + 1);
  const masked = maskSecrets(value);
  return masked.startsWith("[masked:") && masked.endsWith("]") ? masked : mark("secret");
}

function maskList(list: readonly unknown[], depth: number): unknown[] {
  return list.map((item, index) => {
    const before = list[index - 1];
    const isFlagged = typeof before === "string" && before.startsWith("-") && isSecretName(before);
    return isFlagged && typeof item === "string" && !item.startsWith("-")
      ? maskNamed(before, item, depth)
      : maskValue(item, depth + 1);
  });
}
