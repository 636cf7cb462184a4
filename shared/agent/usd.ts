/**
 * Money as whole pico-dollars (10⁻¹² USD) in a bigint: the smallest price, one token of the cheapest model, is thousands
 * of them, so that products and sums are exact. The ledger's columns hold the same twelve decimals.
 */

const DECIMALS = 12;
const PICO_PER_USD = 10n ** 12n;
const DECIMAL = /^(-?)(\d{1,15})(?:\.(\d{1,40}))?(?:e([+-]?\d{1,3}))?$/i;

/** Exact decimal dollars with twelve digits after the point, as the ledger stores them: `1n` is `0.000000000001`. */
export function formatUsd(pico: bigint): string {
  const size = pico < 0n ? -pico : pico;
  const fraction = (size % PICO_PER_USD).toString().padStart(DECIMALS, "0");
  return `${pico < 0n ? "-" : ""}${size / PICO_PER_USD}.${fraction}`;
}

/**
 * Reads decimal dollars (`0.25`, `-3`, `1e-7`); digits beyond a pico-dollar are rounded, half away from zero.
 * Null when the text is no such number. A JSON number is read through its shortest text: `parseUsd(String(0.1))`.
 */
export function parseUsd(text: string): bigint | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const fraction = match[3] ?? "";
  const digits = BigInt((match[2] ?? "") + fraction);
  const shift = DECIMALS - fraction.length + Number(match[4] ?? 0);
  const size = shift >= 0 ? digits * powerOfTen(shift) : divideRounded(digits, powerOfTen(-shift));
  return match[1] === "-" ? -size : size;
}

const POWERS = Array.from({ length: 40 }, (_, exponent) => 10n ** BigInt(exponent));

function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

function divideRounded(value: bigint, divisor: bigint): bigint {
  return (2n * value + divisor) / (2n * divisor);
}
