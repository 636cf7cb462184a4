import type { StoredFigure } from "./analytics.ts";
import { formatUsd, parseUsd } from "./agent/usd.ts";

type Stored = number | string | null;

/** A row as both stores answer it: the one with `is_total` over all groups, the others in order. */
export interface StoredAnalyticsRow extends Partial<
  Record<Exclude<StoredFigure, "times" | "costs">, Stored>
> {
  is_total: number | string;
  group_count: number | string;
  key: string | null;
  /** Place by the hit rate; groups that are alike share one. */
  rank?: number | string;
  /** The costs that half and 95 % of the priced executions do not exceed. */
  costs?: readonly string[] | null;
  /** Interpolated between the two nearest times. */
  times?: readonly (number | null)[] | null;
}

/** The figures of one row, unknown ones as null. */
export interface Figures {
  count: (figure: StoredFigure) => number;
  /** Null when nothing of it is known. */
  sum: (figure: StoredFigure) => number | null;
  usd: (figure: StoredFigure) => bigint | null;
  text: (figure: StoredFigure) => string | null;
  /** RFC 3339; null when there is no such moment. */
  moment: (figure: StoredFigure) => string | null;
  costs: readonly (bigint | null)[];
  times: readonly (number | null)[];
}

/** The figures of no executions. */
export const NO_FIGURES: Figures = {
  count: () => 0,
  sum: () => null,
  usd: () => null,
  text: () => null,
  moment: () => null,
  costs: [],
  times: [],
};

export function figuresOf(row: StoredAnalyticsRow): Figures {
  const read = (figure: StoredFigure): Stored => {
    const value = row[figure as keyof StoredAnalyticsRow];
    if (value === undefined) throw new TypeError(`a store answered no ${figure}`);
    return typeof value === "object" ? null : value;
  };
  const sum = (figure: StoredFigure): number | null => {
    const value = read(figure);
    return value === null ? null : Number(value);
  };
  const isNothing = Number(row.executions) === 0;
  return {
    sum,
    count: (figure) => sum(figure) ?? 0,
    usd: (figure) => readPico(read(figure)),
    text: (figure) => {
      const value = read(figure);
      return value === null ? null : String(value);
    },
    moment: (figure) => {
      const value = sum(figure);
      return value === null || isNothing ? null : new Date(value).toISOString();
    },
    // A store may answer any figure for the percentile of nothing.
    costs: Number(row.priced ?? 0) === 0 ? [null, null] : (row.costs ?? []).map(readPico),
    times: (row.times ?? [null, null]).map(readTime),
  };
}

function readPico(value: Stored): bigint | null {
  if (value === null) return null;
  const pico = parseUsd(String(value));
  if (pico === null) throw new TypeError("a store answered an amount that is none");
  return pico;
}

/** An interpolated percentile is a multiple of 0.05 ms here, so rounding it cannot make two stores differ. */
function readTime(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Math.round(value * 100) / 100;
}

/** Exact decimal dollars without zeros at the end. */
export function dollars(pico: bigint | null): string | null {
  return pico === null ? null : formatUsd(pico).replace(/\.?0+$/, "");
}

/** Whole pico-dollars, rounded half away from zero; null when there is nothing to divide or by. */
export function divideUsd(pico: bigint | null, divisor: number | null): bigint | null {
  if (pico === null || divisor === null || divisor === 0) return null;
  const size = pico < 0n ? -pico : pico;
  const by = BigInt(divisor);
  const rounded = (2n * size + by) / (2n * by);
  return pico < 0n ? -rounded : rounded;
}

/** Null when either is unknown, 0 when there is nothing to have a share of. */
export function percentage(part: number | null, whole: number | null): number | null {
  if (part === null || whole === null) return null;
  return whole === 0 ? 0 : (part / whole) * 100;
}
