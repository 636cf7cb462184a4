import { expect, it } from "vitest";
import { createActivity } from "../../functions/ingest/activity.ts";

it("is busy while a request works and for a moment after two worked side by side, also when the clock is set back", () => {
  let now = 3_600_000;
  const activity = createActivity(() => now);
  const endOne = activity.begin();
  expect(activity.isBusy()).toBe(true);
  endOne();
  expect(activity.isBusy()).toBe(false);

  const ends = [activity.begin(), activity.begin()];
  for (const end of ends) end();
  expect(activity.isBusy()).toBe(true);
  now += 250;
  expect(activity.isBusy()).toBe(false);
  now = 0;
  expect(activity.isBusy()).toBe(false);
});
