import { expect, it } from "vitest";
import { createHeldAnswers } from "../../../../functions/insights/findings/held-answers.ts";

function makeHeld(maxAgeMs = 60_000, bytesMax = 1_000) {
  const clock = { now: 0 };
  return { clock, held: createHeldAnswers<string>({ maxAgeMs, bytesMax, now: () => clock.now }) };
}

it("holds what took long for twenty times as long, and never longer than it may", () => {
  const { clock, held } = makeHeld();
  held.keep("a", "one", 1_000);
  held.keep("b", "two", 10_000);
  clock.now = 19_999;
  expect(held.find("a")).toBe("one");
  clock.now = 20_000;
  expect(held.find("a")).toBeNull();
  clock.now = 59_999;
  expect(held.find("b")).toBe("two");
  clock.now = 60_000;
  expect(held.find("b")).toBeNull();
});

it("does not hold what took less than half a second, nor anything when nothing may be old", () => {
  const { held } = makeHeld();
  held.keep("a", "one", 499);
  expect(held.find("a")).toBeNull();
  const none = makeHeld(0).held;
  none.keep("a", "one", 10_000);
  expect(none.find("a")).toBeNull();
});

it("holds nothing for longer because the clock was set back", () => {
  const { clock, held } = makeHeld();
  clock.now = 3_600_000;
  held.keep("a", "one", 10_000);
  clock.now = 0;
  expect(held.find("a")).toBeNull();
});

it("lets the oldest go when there is too much, and counts what is replaced once", () => {
  const { held } = makeHeld(60_000, 20);
  for (const answer of ["first", "later", "again"]) held.keep("a", answer, 1_000);
  held.keep("b", "12345", 1_000);
  expect([held.find("a"), held.find("b")]).toEqual(["again", "12345"]);
  held.keep("c", "123456", 1_000);
  expect([held.find("a"), held.find("b"), held.find("c")]).toEqual([null, "12345", "123456"]);
});
