import { formatUsd } from "../../../shared/agent/usd.ts";

const DAY_MS = 86_400_000;
const MONTH_DAYS = 30;
/** Fewer days are not scaled up to a month: a busy Tuesday times thirty is no month. */
export const SCALED_FROM_DAYS = 7;

/** Days from the first execution to the end, begun ones as whole; at least one. */
export function daysObserved(firstAt: Date | null, from: Date, to: Date): number {
  const start = Math.max(from.getTime(), firstAt?.getTime() ?? from.getTime());
  return Math.max(1, Math.ceil((to.getTime() - start) / DAY_MS));
}

/** An amount over `days` as one of a month of 30 days. What comes from fewer than 7 days stays as it is. */
export function perMonth(pico: bigint, days: number): bigint {
  return days < SCALED_FROM_DAYS ? pico : divideRounded(pico * BigInt(MONTH_DAYS), BigInt(days));
}

/** Whole division, half away from zero. */
export function divideRounded(value: bigint, divisor: bigint): bigint {
  const size = value < 0n ? -value : value;
  const rounded = (2n * size + divisor) / (2n * divisor);
  return value < 0n ? -rounded : rounded;
}

/** Exact dollars without needless zeros, as in every answer of this function. */
export function exactUsd(pico: bigint): string {
  return formatUsd(pico).replace(/\.?0+$/, "");
}

const PICO_PER_TEN_THOUSANDTH = 100_000_000n;

/** For sentences: `$12.34`, and four decimals below a dollar. */
export function dollars(pico: bigint): string {
  const size = pico < 0n ? -pico : pico;
  const isSmall = size > 0n && size < 10_000n * PICO_PER_TEN_THOUSANDTH;
  const unit = isSmall ? PICO_PER_TEN_THOUSANDTH : 100n * PICO_PER_TEN_THOUSANDTH;
  const decimals = isSmall ? 4 : 2;
  const digits = divideRounded(size, unit)
    .toString()
    .padStart(decimals + 1, "0");
  return `${pico < 0n ? "-" : ""}$${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return "0 %";
  return `${Math.round((part / whole) * 1_000) / 10} %`;
}
