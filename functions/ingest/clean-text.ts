import type { Fault } from "../../shared/errors.ts";
import { pointerTo } from "./read-records.ts";

interface Slot {
  value: unknown;
  path: readonly string[];
  put: (copy: unknown) => void;
}

/**
 * Makes every text of a parsed JSON value storable in PostgreSQL: NUL is removed, half a surrogate pair becomes U+FFFD.
 * Returns the cleaned copy and where something was changed. Does not recurse, so deep nesting cannot end the process.
 */
export function cleanText(value: unknown): { value: unknown; changed: Fault[] } {
  const changed: Fault[] = [];
  let root: unknown;
  const open: Slot[] = [{ value, path: [], put: (copy) => (root = copy) }];
  for (let slot = open.pop(); slot !== undefined; slot = open.pop()) {
    const { value: current, path, put } = slot;
    if (typeof current === "string") {
      put(cleaned(current, path, changed));
    } else if (Array.isArray(current)) {
      const copy: unknown[] = [...current];
      put(copy);
      for (const [index, member] of copy.entries()) {
        open.push({ value: member, path: [...path, String(index)], put: (part) => (copy[index] = part) });
      }
    } else if (typeof current === "object" && current !== null) {
      // Without a prototype, a member named __proto__ is one like any other.
      const copy: Record<string, unknown> = Object.create(null);
      put(copy);
      for (const [name, member] of Object.entries(current)) {
        const key = cleaned(name, [...path, name], changed);
        open.push({ value: member, path: [...path, key], put: (part) => (copy[key] = part) });
      }
    } else {
      put(current);
    }
  }
  return { value: root, changed };
}

function cleaned(text: string, path: readonly string[], changed: Fault[]): string {
  if (text.isWellFormed() && !text.includes("\0")) return text;
  changed.push({
    pointer: pointerTo(...path),
    detail: "held NUL or half a surrogate pair, which was removed or replaced",
  });
  return text.toWellFormed().replaceAll("\0", "");
}
