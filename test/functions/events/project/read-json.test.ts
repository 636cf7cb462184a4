import { describe, expect, it } from "vitest";
import {
  at,
  branchOf,
  firstLine,
  idText,
  integer,
  isoTime,
  latestTime,
  list,
  text,
  time,
} from "../../../../functions/events/project/read-json.ts";

/** What this file guards: what a sender sends is read for what it is, or not at all. */
describe("a moment", () => {
  it.each([
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000Z"],
    ["2026-01-02T03:04:05-0130", "2026-01-02T04:34:05.000Z"],
    ["2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123Z"],
    ["2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02T03:04:05", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02", "2026-01-02T00:00:00.000Z"],
    [1_767_323_045, "2026-01-02T03:04:05.000Z"],
    [1_767_323_045_678, "2026-01-02T03:04:05.678Z"],
    ["1767323045.000200", "2026-01-02T03:04:05.000Z"],
  ])("is read from %s", (value, expected) => {
    expect(isoTime(time(value))).toBe(expected);
  });

  it.each([
    null,
    "",
    "soon",
    "2026-13-01T00:00:00Z",
    0,
    -1,
    1e300,
    Number.NaN,
    true,
    [],
    {},
    "0",
    "12026-01-01",
  ])("is none in %s", (value) => {
    expect(time(value)).toBeNull();
  });

  it("is the latest of several", () => {
    expect(isoTime(latestTime(null, "2026-01-02", "2026-01-05", "x"))).toBe("2026-01-05T00:00:00.000Z");
    expect(latestTime(null, "x")).toBeNull();
  });
});

describe("a member", () => {
  it("is found by its path and is null where the way ends", () => {
    expect(at({ a: { b: [1] } }, "a", "b")).toEqual([1]);
    expect(at({ a: "text" }, "a", "length")).toBeNull();
    expect(at(undefined, "a")).toBeNull();
  });

  it.each(["constructor", "__proto__", "toString"])("called %s is found only where it was sent", (name) => {
    expect(at({}, name)).toBeNull();
    expect(at({}, name, "name")).toBeNull();
  });
});

it("values of another kind are none", () => {
  expect([
    text(1),
    text(""),
    integer(1.5),
    integer("1"),
    idText(1.5),
    idText({}),
    branchOf("refs/tags/a"),
    branchOf(1),
  ]).toEqual(Array.from({ length: 8 }, () => null));
  expect(list({ length: 1 })).toEqual([]);
  expect([idText(12), idText("12"), branchOf("refs/heads/a/b")]).toEqual(["12", "12", "a/b"]);
});

it("a message comes to its first line", () => {
  expect(firstLine("  \n Add it \r\nand more")).toBe("Add it");
  expect(firstLine("\n")).toBeNull();
});
