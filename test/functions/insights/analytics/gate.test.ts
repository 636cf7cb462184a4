import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createGate } from "../../../../functions/insights/analytics/gate.ts";

/** Questions that end when they are told to. */
function startGate(limits: Partial<Parameters<typeof createGate>[0]> = {}) {
  const gate = createGate({
    running: 3,
    runningPerOrganization: 2,
    waiting: 6,
    waitingPerOrganization: 4,
    waitMs: 60_000,
    ...limits,
  });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (name: string) =>
    gate.run(name.slice(0, 1), async () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      await promise;
      return name;
    });
  const end = async (name: string) => {
    ends.get(name)?.();
    await delay(0);
  };
  return { gate, begun, ask, end };
}

describe("the gate of questions", () => {
  it("lets so many through at once, in all and for each organization", async () => {
    const { begun, ask, end } = startGate();
    const asked = ["a1", "a2", "a3", "b1", "b2"].map(ask);
    expect(begun).toEqual(["a1", "a2", "b1"]);
    await end("a1");
    expect(begun).toEqual(["a1", "a2", "b1", "a3"]);
    for (const name of ["a2", "a3", "b1", "b2"]) await end(name);
    expect(await Promise.all(asked)).toEqual(["a1", "a2", "a3", "b1", "b2"]);
  });

  it("gives each organization its turn, however many questions another one has", async () => {
    const { begun, ask, end } = startGate({ running: 1, runningPerOrganization: 1 });
    const asked = ["a1", "a2", "a3", "a4", "b1", "c1"].map(ask);
    for (const name of ["a1", "b1", "c1", "a2", "a3", "a4"]) {
      expect(begun.at(-1)).toBe(name);
      await end(name);
    }
    await Promise.all(asked);
    expect(begun).toEqual(["a1", "b1", "c1", "a2", "a3", "a4"]);
  });

  it("refuses those for whom there is no room to wait, and says when to come again", async () => {
    const { ask, end } = startGate({ running: 1, waiting: 3, waitingPerOrganization: 2 });
    const asked = ["a1", "a2", "a3"].map(ask);
    await expect(ask("a4")).rejects.toMatchObject({ code: "unavailable", options: { retryAfterSeconds: 2 } });
    asked.push(ask("b1"));
    await expect(ask("b2")).rejects.toMatchObject({ code: "unavailable" });
    for (const name of ["a1", "b1", "a2", "a3", "b1"]) await end(name);
    await end("a3");
    await expect(Promise.all(asked)).resolves.toHaveLength(4);
  });

  it("lets nobody wait without end, and forgets who gave up", async () => {
    const { ask, end, begun } = startGate({ running: 1, waitMs: 5 });
    const first = ask("a1");
    await expect(ask("b1")).rejects.toMatchObject({ code: "unavailable" });
    await end("a1");
    await first;
    const next = ask("c1");
    await end("c1");
    expect(await next).toBe("c1");
    expect(begun).toEqual(["a1", "c1"]);
  });

  it("goes on after a question that failed", async () => {
    const { gate, ask, end } = startGate({ running: 1 });
    await expect(gate.run("a", () => Promise.reject(new Error("away")))).rejects.toThrow("away");
    const next = ask("a1");
    await end("a1");
    expect(await next).toBe("a1");
  });
});
