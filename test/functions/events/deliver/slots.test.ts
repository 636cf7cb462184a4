import { describe, expect, it } from "vitest";
import { createSlots } from "../../../../functions/events/deliver/slots.ts";

/** What this file guards: what goes on at once is bounded, and one key's work does not hold up another's. */
const GROUP = "one";
const bounds = (atOnceMax: number, perKeyMax: number, waitingMax: number) => ({
  atOnceMax,
  perKeyMax,
  waitingMax,
  perGroupMax: atOnceMax,
  waitingPerGroupMax: waitingMax,
});

describe("slots", () => {
  it("never run more than the bounds allow, and run everything in the end", async () => {
    const slots = createSlots(bounds(5, 2, 1_000));
    const running = new Map<string, number>();
    let done = 0;
    let most = 0;
    const work = async (key: string): Promise<void> => {
      running.set(key, (running.get(key) ?? 0) + 1);
      most = Math.max(
        most,
        [...running.values()].reduce((sum, count) => sum + count),
      );
      expect(running.get(key)).toBeLessThanOrEqual(2);
      await new Promise((resolve) => setImmediate(resolve));
      running.set(key, (running.get(key) ?? 0) - 1);
      done += 1;
    };
    const keys = Array.from({ length: 200 }, (_, index) => `key ${index % 7}`);
    const ran = await Promise.all(
      keys.map((key) => slots.run({ group: GROUP, key }, 60_000, () => work(key))),
    );

    expect(ran.every(Boolean)).toBe(true);
    expect(done).toBe(200);
    expect(most).toBe(5);
  });

  it("let another key through while one is full", async () => {
    const slots = createSlots(bounds(5, 2, 10));
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    let slow = 0;
    const slows = [1, 2, 3, 4].map(() =>
      slots.run({ group: GROUP, key: "slow" }, 60_000, async () => {
        slow += 1;
        await held;
      }),
    );
    let quick = false;
    await slots.run({ group: GROUP, key: "quick" }, 60_000, () => {
      quick = true;
      return Promise.resolve();
    });

    expect(quick).toBe(true);
    expect(slow).toBe(2);
    release();
    await Promise.all(slows);
    expect(slow).toBe(4);
  });

  it("turn away what waits too long, and what comes when too much waits", async () => {
    const slots = createSlots(bounds(1, 1, 1));
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const first = slots.run({ group: GROUP, key: "a" }, 0, () => held);
    let ran = false;
    const touch = (): Promise<void> => {
      ran = true;
      return Promise.resolve();
    };
    const [late, tooMany] = await Promise.all([
      slots.run({ group: GROUP, key: "a" }, 20, touch),
      slots.run({ group: GROUP, key: "a" }, 20, touch),
    ]);

    expect([late, tooMany]).toEqual([false, false]);
    expect(ran).toBe(false);
    release();
    expect(await first).toBe(true);
    expect(await slots.run({ group: GROUP, key: "a" }, 0, touch)).toBe(true);
  });

  it("are given back when the work fails", async () => {
    const slots = createSlots(bounds(1, 1, 1));
    await expect(
      slots.run({ group: GROUP, key: "a" }, 0, () => Promise.reject(new Error("failed"))),
    ).rejects.toThrow("failed");
    let ran = false;
    await slots.run({ group: GROUP, key: "a" }, 0, () => {
      ran = true;
      return Promise.resolve();
    });
    expect(ran).toBe(true);
  });
});
