import { UsageError } from "./exit-codes.ts";

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const RELATIVE = /^(\d{1,6})([smhdw])$/;
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** A point in time from an option: ISO 8601, or how long ago (`30m`, `2h`, `3d`). Throws UsageError for anything else. */
export function parseTime(name: string, text: string, now: number): Date {
  const relative = RELATIVE.exec(text);
  const [, count, unit] = relative ?? [];
  if (isUnit(unit)) return new Date(now - Number(count) * UNITS_MS[unit]);
  const time = ISO.test(text) ? new Date(text) : null;
  if (time === null || Number.isNaN(time.getTime())) {
    throw new UsageError(
      `--${name} must be a time such as 2026-01-31T12:00Z, or how long ago such as 2h or 3d, not "${text}"`,
    );
  }
  return time;
}

/** A span in one unit: `40 s`, `12 min`, `3 h`, `5 d`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

function isUnit(text: string | undefined): text is keyof typeof UNITS_MS {
  return text !== undefined && Object.hasOwn(UNITS_MS, text);
}
