/**
 * Whether a moment that was at most `maxMs` away when it was set is still to come; all in milliseconds. A clock that was set
 * back since must not make it last longer.
 */
export function isAhead(untilMs: number, nowMs: number, maxMs: number): boolean {
  const leftMs = untilMs - nowMs;
  return leftMs > 0 && leftMs <= maxMs;
}
