import { describe, expect, it } from "vitest";
import { type Batches, createBatches } from "../../shared/batches.ts";

interface Held {
  batches: Batches<number, number>;
  /** Adds an item there is room for. */
  add: (key: string, item: number, bytes: number) => Promise<number>;
  runs: {
    key: string;
    items: readonly number[];
    finish: (outcomes?: readonly number[]) => void;
    fail: () => void;
  }[];
}

/** Batches whose work ends when the test says so; an item's outcome is its double. */
function makeHeld(
  options: {
    batchItemsMax?: number;
    queuedItemsMax?: number;
    inFlightMax?: number;
    inFlightOfKeyMax?: number;
    pauseMs?: number;
  } = {},
): Held {
  const runs: Held["runs"] = [];
  const batches = createBatches<number, number>({
    run: (key, items) =>
      new Promise((resolve, reject) => {
        runs.push({
          key,
          items,
          finish: (outcomes = items.map((item) => item * 2)) => resolve(outcomes),
          fail: () => reject(new Error("broken")),
        });
      }),
    inFlightMax: options.inFlightMax ?? 1,
    ...(options.inFlightOfKeyMax === undefined ? {} : { inFlightOfKeyMax: options.inFlightOfKeyMax }),
    ...(options.pauseMs === undefined ? {} : { pauseMs: options.pauseMs }),
    batchItemsMax: options.batchItemsMax ?? 100,
    batchBytesMax: 1_000,
    queuedItemsMax: options.queuedItemsMax ?? 100,
    queuedBytesMax: 10_000,
  });
  const add: Held["add"] = (key, item, bytes) => {
    const outcome = batches.add(key, item, bytes);
    if (outcome === null) throw new Error("there is no room");
    return outcome;
  };
  return { batches, add, runs };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("batches", () => {
  it("lets a lone item leave at once and groups what comes while it is on its way", async () => {
    const { add, runs } = makeHeld();
    const first = add("a", 1, 1);
    await turn();
    const others = [add("a", 2, 1), add("a", 3, 1)];
    await turn();
    expect(runs.map(({ items }) => items)).toEqual([[1]]);
    runs[0]?.finish();
    await turn();
    expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]]);
    runs[1]?.finish();
    expect(await Promise.all([first, ...others])).toEqual([2, 4, 6]);
  });

  it("never mixes keys, and lets them take turns", async () => {
    const { add, runs } = makeHeld({ batchItemsMax: 2 });
    const all = [1, 2, 3, 4].map((item) => add("many", item, 1));
    all.push(add("one", 9, 1));
    for (let at = 0; at < 3; at += 1) {
      await turn();
      runs[at]?.finish();
    }
    await Promise.all(all);
    expect(runs.map(({ key, items }) => [key, ...items])).toEqual([
      ["many", 1, 2],
      ["one", 9],
      ["many", 3, 4],
    ]);
  });

  it("keeps a batch within its bytes, but lets a heavy item go alone", async () => {
    const { add, runs } = makeHeld();
    const all = [add("a", 1, 600), add("a", 2, 600), add("a", 3, 5_000)];
    for (let at = 0; at < 3; at += 1) {
      await turn();
      runs[at]?.finish();
    }
    await Promise.all(all);
    expect(runs.map(({ items }) => items)).toEqual([[1], [2], [3]]);
  });

  it("refuses an item when the queue is full, and takes items again when it is not", async () => {
    const { batches, add, runs } = makeHeld({ queuedItemsMax: 2 });
    const taken = [add("a", 1, 1), add("a", 2, 1)];
    expect(batches.add("a", 3, 1)).toBeNull();
    await turn();
    const later = add("a", 4, 1);
    runs[0]?.finish();
    await turn();
    runs[1]?.finish();
    expect(await Promise.all([...taken, later])).toEqual([2, 4, 8]);
  });

  it("tells everybody in a batch of its failure, and goes on with the next", async () => {
    const { add, runs } = makeHeld();
    const failed = Promise.allSettled([add("a", 1, 1), add("a", 2, 1)]);
    await turn();
    runs[0]?.fail();
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const next = add("a", 3, 1);
    await turn();
    runs[1]?.finish();
    expect(await next).toBe(6);
  });

  it("fails an item that was given no outcome", async () => {
    const { add, runs } = makeHeld();
    const both = Promise.allSettled([add("a", 1, 1), add("a", 2, 1)]);
    await turn();
    runs[0]?.finish([2]);
    expect((await both).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  it("lets only so many batches of one key be on their way, and those of other keys beside them", async () => {
    const { add, runs } = makeHeld({ inFlightMax: 4, inFlightOfKeyMax: 1 });
    const first = add("a", 1, 1);
    await turn();
    const others = [add("a", 2, 1), add("a", 3, 1), add("b", 4, 1)];
    await turn();
    expect(runs.map(({ key, items }) => [key, ...items])).toEqual([
      ["a", 1],
      ["b", 4],
    ]);
    runs[0]?.finish();
    await turn();
    expect(runs[2]?.items).toEqual([2, 3]);
    for (const run of runs) run.finish();
    expect(await Promise.all([first, ...others])).toEqual([2, 4, 6, 8]);
  });

  it("keeps a batch's place for a while where that is asked for, so that the next one is larger", async () => {
    const { add, runs } = makeHeld({ pauseMs: 20 });
    const first = add("a", 1, 1);
    await turn();
    runs[0]?.finish();
    expect(await first).toBe(2);
    const others = [add("a", 2, 1)];
    await turn();
    expect(runs).toHaveLength(1);
    others.push(add("a", 3, 1));
    while (runs.length < 2) await turn();
    expect(runs[1]?.items).toEqual([2, 3]);
    runs[1]?.finish();
    expect(await Promise.all(others)).toEqual([4, 6]);
  });
});
