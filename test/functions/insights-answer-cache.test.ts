import { describe, expect, it } from "vitest";
import { createAnswerCache } from "../../functions/insights/answer-cache.ts";
import { listCacheCounts } from "../../shared/metrics.ts";

function startCache(limits: { entriesMax?: number; bytesMax?: number } = {}) {
  const clock = { now: 1_000 };
  const cache = createAnswerCache<string>({
    name: "test",
    ttlMs: 100,
    entriesMax: 10,
    bytesMax: 1_000,
    now: () => clock.now,
    ...limits,
  });
  let computed = 0;
  const ask = (question: string, state = "s", answer?: Promise<string>) =>
    cache.get(question, state, () => {
      computed += 1;
      return answer ?? Promise.resolve(`${question}${computed}`);
    });
  return { clock, ask, computed: () => computed };
}

const long = (): Promise<string> => Promise.resolve("x".repeat(40));

describe("the cache of answers", () => {
  it("gives an answer again until its time is over", async () => {
    const { ask, clock } = startCache();
    expect(await ask("q")).toEqual({ answer: "q1", cached: false });
    clock.now += 99;
    expect(await ask("q")).toEqual({ answer: "q1", cached: true });
    clock.now += 1;
    expect(await ask("q")).toEqual({ answer: "q2", cached: false });
  });

  it("gives no answer again once the ledger is in another state, even one that has been before", async () => {
    const { ask } = startCache();
    await ask("q", "before");
    expect(await ask("q", "after")).toEqual({ answer: "q2", cached: false });
    expect(await ask("q", "before")).toEqual({ answer: "q3", cached: false });
  });

  it("computes a question once for all who ask at the same time", async () => {
    const { ask, computed } = startCache();
    const answers = await Promise.all([ask("q"), ask("q"), ask("other"), ask("q")]);
    expect(answers.map(({ answer }) => answer)).toEqual(["q1", "q1", "other2", "q1"]);
    expect(computed()).toBe(2);
  });

  it("gives a failure to all who waited for it and keeps it for nobody else", async () => {
    const { ask } = startCache();
    const failing = [ask("q", "s", Promise.reject(new Error("away"))), ask("q")];
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await ask("q")).toEqual({ answer: "q2", cached: false });
  });

  it("forgets what was used longest ago when there are too many answers", async () => {
    const { ask } = startCache({ entriesMax: 2 });
    await ask("a");
    await ask("b");
    await ask("a");
    await ask("c");
    expect((await ask("a")).cached).toBe(true);
    expect((await ask("b")).cached).toBe(false);
  });

  it("forgets answers when they are too large together, and replaced ones count no longer", async () => {
    const { ask } = startCache({ bytesMax: 100 });
    for (const state of ["1", "2", "3", "4"]) await ask("a", state, long());
    await ask("b", "4", long());
    expect((await ask("a", "4")).cached).toBe(true);
    await ask("c", "4", long());
    await new Promise(setImmediate);
    expect((await ask("a", "4")).cached).toBe(true);
    expect((await ask("b", "4")).cached).toBe(false);
  });
});

function counts(): { hits: number; misses: number } {
  const { hits, misses } = listCacheCounts().find(({ name }) => name === "test") ?? { hits: 0, misses: 0 };
  return { hits, misses };
}

it("counts what it had and what it had not", async () => {
  const before = counts();
  const { ask } = startCache();
  await ask("q");
  await ask("q");
  await ask("q");
  await ask("q", "another state");
  expect(counts()).toEqual({ hits: before.hits + 2, misses: before.misses + 2 });
});
