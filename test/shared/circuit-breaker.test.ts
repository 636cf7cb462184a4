import { expect, it } from "vitest";
import { createCircuitBreaker } from "../../shared/circuit-breaker.ts";

it("stops after the failures in a row it was given, and lets one try through when its time is over", () => {
  let now = 0;
  const breaker = createCircuitBreaker({ failuresMax: 2, openMs: 100, now: () => now });
  breaker.failed();
  expect(breaker.allows()).toBe(true);
  breaker.succeeded();
  breaker.failed();
  breaker.failed();
  expect([breaker.isOpen(), breaker.allows()]).toEqual([true, false]);
  now = 100;
  expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
  breaker.succeeded();
  expect([breaker.isOpen(), breaker.allows()]).toEqual([false, true]);
});
