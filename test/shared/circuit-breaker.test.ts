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

it("lets nobody else through before a try can have told how it went", () => {
  let now = 0;
  const breaker = createCircuitBreaker({ failuresMax: 1, openMs: 100, tryMs: 500, now: () => now });
  breaker.failed();
  now = 100;
  expect(breaker.allows()).toBe(true);
  now = 599;
  expect(breaker.allows()).toBe(false);
  // It has told nothing, as when the process was frozen meanwhile.
  now = 600;
  expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
  breaker.failed();
  now = 700;
  expect(breaker.allows()).toBe(true);
});

it("is not kept open by a clock that was set back", () => {
  let now = 3_600_000;
  const breaker = createCircuitBreaker({ failuresMax: 1, openMs: 100, now: () => now });
  breaker.failed();
  now = 0;
  expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
});
