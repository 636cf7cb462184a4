const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After each attempt that failed, how long until the next (ms): ten attempts over about three days. */
const DELAYS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
const JITTER = 0.2;
const RETRY_AFTER_MS_MAX = 24 * HOUR;

/**
 * How long after attempt number `attempt` (from 1) has failed the next one is made, in ms, or null when it was the last.
 * Up to a fifth more or less, so that what failed together does not come again together. What the receiver asks for
 * (`retryAfterMs`) is kept to when it is longer, up to a day.
 */
export function retryDelay(
  attempt: number,
  random: () => number,
  retryAfterMs: number | null,
): number | null {
  const delay = DELAYS[attempt - 1];
  if (delay === undefined) return null;
  const scheduled = Math.round(delay * (1 - JITTER + 2 * JITTER * random()));
  return Math.max(scheduled, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX));
}

/** A Retry-After header (RFC 9110 §10.2.3: seconds or a date) in ms from now, or null when it says nothing. */
export function readRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * SECOND;
  // Every form of a date begins with the name of a day; Date.parse would take much else.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
