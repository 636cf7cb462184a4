import type { Fault } from "../../shared/errors.ts";
import { FAULTS_MAX } from "./limits.ts";
import { pointerTo } from "./read-records.ts";

interface Slot {
  value: unknown;
  path: readonly string[];
  put: (copy: unknown) => void;
}

/** Deeper than any valid record: what lies below is left as it is, because the record will be refused for it. */
const DEPTH_MAX = 16;

/**
 * Makes every text of a parsed JSON value storable in PostgreSQL: NUL and half a surrogate pair become U+FFFD. Returns the
 * cleaned copy and where something was changed, the first of it. Does not recurse, and looks at each value once.
 */
export function cleanText(value: unknown): { value: unknown; changed: Fault[] } {
  const changed: Fault[] = [];
  let root: unknown;
  const open: Slot[] = [{ value, path: [], put: (copy) => (root = copy) }];
  for (let slot = open.pop(); slot !== undefined; slot = open.pop()) {
    const { value: current, path, put } = slot;
    if (typeof current === "string") {
      put(cleaned(current, path, changed));
    } else if (typeof current !== "object" || current === null || path.length >= DEPTH_MAX) {
      put(current);
    } else if (Array.isArray(current)) {
      const copy: unknown[] = [...current];
      put(copy);
      for (const [index, member] of copy.entries()) {
        open.push({ value: member, path: [...path, String(index)], put: (part) => (copy[index] = part) });
      }
    } else {
      // Without a prototype, a member named __proto__ is one like any other.
      const copy: Record<string, unknown> = Object.create(null);
      put(copy);
      for (const [name, member] of Object.entries(current)) {
        const key = cleaned(name, [...path, name], changed);
        open.push({ value: member, path: [...path, key], put: (part) => (copy[key] = part) });
      }
    }
  }
  return { value: root, changed };
}

function cleaned(text: string, path: readonly string[], changed: Fault[]): string {
  if (text.isWellFormed() && !text.includes("\0")) return text;
  if (changed.length < FAULTS_MAX) {
    changed.push({
      pointer: pointerTo(...path),
      detail: "held NUL or half a surrogate pair, stored as U+FFFD",
    });
  }
  return text.toWellFormed().replaceAll("\0", "\u{fffd}");
}
