import type { AnalyticsKind, Period } from "../../../shared/analytics.ts";
import { type AnalyticsRow, emptyAnalyticsRow } from "../../../shared/analytics-answers.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 1970-01-01 was a Thursday; weeks begin on Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** A row for every period that the range touches, in order of time: what the stores answered, and nothing where nothing ended. */
export function fillPeriods(
  kind: AnalyticsKind,
  rows: readonly AnalyticsRow[],
  { from, to, period }: { from: Date; to: Date; period: Period },
): AnalyticsRow[] {
  const known = new Map(rows.map((row) => [row["key"], row]));
  const filled: AnalyticsRow[] = [];
  for (let at = startOf(period, from); at < to.getTime(); at = next(period, at)) {
    const key = keyOf(period, at);
    filled.push(known.get(key) ?? emptyAnalyticsRow(kind, key));
    known.delete(key);
  }
  if (known.size > 0) throw new TypeError("a store answered periods outside of the range");
  return filled;
}

function startOf(period: Period, moment: Date): number {
  const at = moment.getTime();
  switch (period) {
    case "hour":
      return at - (at % HOUR_MS);
    case "day":
      return at - (at % DAY_MS);
    case "week":
      return at - ((at - FIRST_MONDAY_MS) % (7 * DAY_MS));
    case "month":
      return Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth());
    default:
      return period satisfies never;
  }
}

function next(period: Period, at: number): number {
  switch (period) {
    case "hour":
      return at + HOUR_MS;
    case "day":
      return at + DAY_MS;
    case "week":
      return at + 7 * DAY_MS;
    case "month": {
      const moment = new Date(at);
      return Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth() + 1);
    }
    default:
      return period satisfies never;
  }
}

function keyOf(period: Period, at: number): string {
  const text = new Date(at).toISOString();
  if (period === "hour") return `${text.slice(0, 13)}:00:00Z`;
  return text.slice(0, period === "month" ? 7 : 10);
}
