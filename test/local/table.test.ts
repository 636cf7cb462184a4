import { expect, it } from "vitest";
import { writeTable } from "../../local/table.ts";

it("lines figures up to the right below titles that may be longer than any name", () => {
  const rows = [
    ["", "executions"],
    ["by the model that ran them"],
    ["  a", "1"],
    ["  bcd", "1,234"],
    ["  e"],
  ];
  expect(writeTable(rows).split("\n")).toEqual([
    "       executions",
    "by the model that ran them",
    "  a             1",
    "  bcd       1,234",
    "  e",
  ]);
});
