import { expect, it } from "vitest";
import { createRateLimiter } from "../../shared/rate-limit.ts";

it("takes a burst, then as many as time brings, and tells how long to wait", () => {
  let now = 0;
  const limiter = createRateLimiter({ perSecond: 2, burst: 3, now: () => now });
  expect([1, 2, 3].map(() => limiter.take("a"))).toEqual([0, 0, 0]);
  expect(limiter.take("a")).toBeCloseTo(0.5);
  expect(limiter.take("b")).toBe(0);
  now = 500;
  expect(limiter.take("a")).toBe(0);
  expect(limiter.take("a")).toBeGreaterThan(0);
  now = 60_000;
  expect([1, 2, 3, 4].map(() => limiter.take("a") === 0)).toEqual([true, true, true, false]);
});

it("takes nothing away when the clock is set back", () => {
  let now = 3_600_000;
  const limiter = createRateLimiter({ perSecond: 1, burst: 3, now: () => now });
  expect(limiter.take("a")).toBe(0);
  now = 0;
  expect([1, 2].map(() => limiter.take("a"))).toEqual([0, 0]);
  expect(limiter.take("a")).toBeCloseTo(1);
  now = 1_000;
  expect(limiter.take("a")).toBe(0);
});
