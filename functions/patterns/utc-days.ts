const WINDOW_DAYS = 30;

const DAY_MS = 86_400_000;

/** The UTC day of a moment, as `2026-11-21`. */
function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The first of the 30 days that end with the day of `now`. */
export function firstDayOfWindow(now: number): string {
  return dayOf(now - (WINDOW_DAYS - 1) * DAY_MS);
}

/** The first day of the month of a day. */
export function monthOf(day: string): string {
  return `${day.slice(0, 7)}-01`;
}

/** The first day of the month after one. */
export function monthAfter(month: string): string {
  return dayOf(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5, 7)), 1));
}

export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS);
}
