import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUsd, parseUsd } from "../../../shared/agent/usd.ts";

describe("formatUsd and parseUsd", () => {
  it.each([
    [0n, "0.000000000000"],
    [1n, "0.000000000001"],
    [-1n, "-0.000000000001"],
    [1_000_000_000_000n, "1.000000000000"],
    [12_345_678_901_234_567n, "12345.678901234567"],
  ])("writes %s pico-dollars as %s", (pico, text) => {
    expect(formatUsd(pico)).toBe(text);
  });

  it("reads back exactly what was written, whatever the amount", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n }), (pico) => {
        expect(parseUsd(formatUsd(pico))).toBe(pico);
      }),
    );
  });

  it.each([
    ["3", 3_000_000_000_000n],
    ["0.1", 100_000_000_000n],
    ["1e-7", 100_000n],
    ["2.5E+2", 250_000_000_000_000n],
    ["0.30000000000000004", 300_000_000_000n],
    ["0.0000000000005", 1n],
    ["-0.0000000000005", -1n],
    ["0.00000000000049", 0n],
  ])("reads %s, rounded half away from zero to a pico-dollar", (text, pico) => {
    expect(parseUsd(text)).toBe(pico);
  });

  it.each(["", "abc", "1,5", "0x10", "NaN", "Infinity", "1.", ".5", " 1", "1e9999", "--1"])(
    "finds no amount in %j",
    (text) => {
      expect(parseUsd(text)).toBeNull();
    },
  );
});
