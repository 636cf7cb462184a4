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
