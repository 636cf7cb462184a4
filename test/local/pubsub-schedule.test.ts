import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "../../local/pubsub-delivery.ts";
import { DueQueue } from "../../local/pubsub-queue.ts";
import { PushWindow } from "../../local/pubsub-window.ts";

const policy = { minimumBackoffSeconds: 10, maximumBackoffSeconds: 600 };

describe("the time until the next delivery", () => {
  it("doubles from the policy's minimum up to its maximum", () => {
    const longest = [1, 2, 3, 4, 7, 8, 50].map((failures) => backoffMs(policy, failures, () => 1));
    expect(longest).toEqual([10_000, 20_000, 40_000, 80_000, 600_000, 600_000, 600_000]);
  });

  it("is spread over the upper half, never below the minimum", () => {
    expect(backoffMs(policy, 4, () => 0)).toBe(40_000);
    expect(backoffMs(policy, 1, () => 0)).toBe(10_000);
  });

  it("is nothing without a policy", () => {
    expect(backoffMs(null, 5, () => 1)).toBe(0);
  });
});

describe("the queue", () => {
  it("gives what is due in the order of time, then of arrival, whatever the order it came in", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), fc.nat(20), (times, now) => {
        const queue = new DueQueue<{ at: number; n: number }>();
        times.forEach((at, n) => queue.add({ at, n }, at));
        const taken = [];
        for (let item = queue.takeDue(now); item !== null; item = queue.takeDue(now)) taken.push(item);
        const expected = times
          .map((at, n) => ({ at, n }))
          .filter(({ at }) => at <= now)
          .sort((a, b) => a.at - b.at || a.n - b.n);
        expect(taken).toEqual(expected);
        expect(queue.size).toBe(times.length - expected.length);
        const later = times.filter((at) => at > now);
        expect(queue.nextDueAt).toBe(later.length === 0 ? null : Math.min(...later));
      }),
    );
  });
});

describe("the window of pushes under way", () => {
  it("begins small, grows to its limit with acknowledgements, and halves with a refusal but never closes", () => {
    const window = new PushWindow(64);
    expect(window.size).toBe(4);
    for (let n = 0; n < 100; n += 1) window.acknowledged();
    expect(window.size).toBe(64);
    window.refused();
    expect(window.size).toBe(32);
    for (let n = 0; n < 100; n += 1) window.refused();
    expect(window.size).toBe(1);
  });
});
