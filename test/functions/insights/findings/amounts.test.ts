import { expect, it } from "vitest";
import {
  daysObserved,
  divideRounded,
  dollars,
  exactUsd,
  perMonth,
} from "../../../../functions/insights/findings/amounts.ts";
import { shareAbove } from "../../../../functions/insights/findings/beta-difference.ts";
import { usd } from "./make-facts.ts";

const day = (text: string): Date => new Date(`${text}T00:00:00Z`);

it("counts days from the first execution to the end, a begun one as whole", () => {
  expect(daysObserved(day("2026-11-01"), day("2026-10-01"), day("2026-11-11"))).toBe(10);
  expect(daysObserved(new Date("2026-11-01T00:00:01Z"), day("2026-10-01"), day("2026-11-11"))).toBe(10);
  expect(daysObserved(day("2026-09-01"), day("2026-10-12"), day("2026-11-11"))).toBe(30);
  expect(daysObserved(null, day("2026-10-12"), day("2026-11-11"))).toBe(30);
  expect(daysObserved(day("2026-11-11"), day("2026-10-12"), day("2026-11-11"))).toBe(1);
});

it("scales to thirty days from seven on, and not below", () => {
  expect(perMonth(usd(7), 7)).toBe(usd(30));
  expect(perMonth(usd(6), 6)).toBe(usd(6));
  expect(perMonth(usd(90), 90)).toBe(usd(30));
  expect(perMonth(1n, 9)).toBe(3n);
});

it("rounds half away from zero on either side", () => {
  expect([5n, -5n, 4n, -4n, 0n].map((value) => divideRounded(value, 10n))).toEqual([1n, -1n, 0n, 0n, 0n]);
});

it("writes dollars exactly, and shorter in sentences", () => {
  expect(exactUsd(usd(12.5))).toBe("12.5");
  expect(exactUsd(usd(10))).toBe("10");
  expect(exactUsd(-1n)).toBe("-0.000000000001");
  expect([usd(1234.567), usd(0.12345), usd(-2), 0n].map(dollars)).toEqual([
    "$1234.57",
    "$0.1235",
    "-$2.00",
    "$0.00",
  ]);
});

it("gives the probability that one share lies above another", () => {
  const even = { successes: 50, trials: 100 };
  expect(shareAbove(even, even, 0)).toBeCloseTo(0.5, 6);
  expect(shareAbove({ successes: 95, trials: 100 }, even, 0)).toBeGreaterThan(0.999);
  expect(shareAbove(even, { successes: 95, trials: 100 }, 0)).toBeLessThan(0.001);
  // One standard deviation: Beta(51, 51) has a variance of 0.25 ÷ 103.
  expect(shareAbove(even, even, -Math.sqrt(0.5 / 103))).toBeCloseTo(0.8413, 4);
});
