/** Months by their first UTC day, such as `2026-03-01`. */
export function monthOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 7)}-01`;
}

/** The month `count` after one. */
export function monthAfter(month: string, count = 1): string {
  return monthOf(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5, 7)) - 1 + count, 1));
}

/** Its first moment, in ms since 1970. */
export function startOf(month: string): number {
  return Date.parse(`${month}T00:00:00Z`);
}

export function endOf(month: string): number {
  return startOf(monthAfter(month));
}
