import { describe, expect, it } from "vitest";
import { readRetryAfter, retryDelay } from "../../../../functions/events/deliver/schedule.ts";

/** What this file guards: when a failed delivery is tried again. */
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const middle = (): number => 0.5;

describe("the schedule", () => {
  it("is 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, and then ends", () => {
    const seconds = Array.from({ length: 11 }, (_, index) => retryDelay(index + 1, middle, null)).map(
      (delay) => (delay === null ? null : delay / SECOND),
    );
    expect(seconds).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, null, null]);
  });

  it("varies by a fifth either way", () => {
    expect(retryDelay(2, () => 0, null)).toBe(240 * SECOND);
    expect(retryDelay(2, () => 1, null)).toBe(360 * SECOND);
  });

  it("keeps to what the receiver asks for when that is longer, up to a day", () => {
    expect(retryDelay(1, middle, 60 * SECOND)).toBe(60 * SECOND);
    expect(retryDelay(2, middle, 60 * SECOND)).toBe(300 * SECOND);
    expect(retryDelay(1, middle, 48 * HOUR)).toBe(24 * HOUR);
    expect(retryDelay(10, middle, 60 * SECOND)).toBeNull();
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-10T12:00:00Z");
  it.each([
    ["120", 120 * SECOND],
    [" 0 ", 0],
    ["Tue, 10 Nov 2026 12:01:00 GMT", 60 * SECOND],
    ["Tue, 10 Nov 2026 11:00:00 GMT", 0],
    ["-1", null],
    ["1.5", null],
    ["1e3", null],
    ["soon", null],
    ["Tuesday", null],
    ["2027", 2_027 * SECOND],
    ["2027-01-01", null],
    ["", null],
    [undefined, null],
    ["9".repeat(400), null],
  ])("%j is %j ms", (text, expected) => {
    expect(readRetryAfter(text, now)).toBe(expected);
  });
});
