import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inspectOutput } from "../../functions/ingest/inspect-output.ts";
import { LIMITS } from "../../shared/agent/execution.ts";

/** What this file guards: an output is weighed at a glance, and refused exactly where its JSON is too large or too deep. */
const TOO_LARGE = [{ pointer: "/output", detail: "is over 32768 bytes" }];
const TOO_DEEP = [{ pointer: "/output", detail: "is nested deeper than 6 levels" }];

/** An output of so many bytes of JSON, written with one character. */
function sized(bytes: number, character: string): Record<string, unknown> {
  const each = Buffer.byteLength(JSON.stringify(character)) - 2;
  const room = bytes - Buffer.byteLength(JSON.stringify({ text: "" }));
  return { text: character.repeat(Math.floor(room / each)) + "x".repeat(room % each) };
}

/** A value with so many levels below it. */
function nested(levels: number, isList: boolean): unknown {
  if (levels === 0) return 1;
  return isList ? [nested(levels - 1, isList)] : { a: nested(levels - 1, isList) };
}

describe("inspectOutput", () => {
  it.each(["x", "\u0001", '"', "\u{e9}", "\u{20ac}", "\u{1f600}"])(
    "takes an output of just the limit and not one byte more, written with %j",
    (character) => {
      expect(inspectOutput(sized(LIMITS.outputBytesMax, character)).faults).toEqual([]);
      expect(inspectOutput(sized(LIMITS.outputBytesMax + 1, character)).faults).toEqual(TOO_LARGE);
    },
  );

  it("refuses whatever is larger as JSON, and nothing else", () => {
    const member = fc.oneof(fc.string({ unit: "binary", maxLength: 3_000 }), fc.double(), fc.jsonValue());
    const outputs = fc.array(member, { maxLength: 6 }).map((members) => ({ members, more: members }));
    fc.assert(
      fc.property(outputs, (output) => {
        const { faults } = inspectOutput(output);
        const isLarge = Buffer.byteLength(JSON.stringify(output)) > LIMITS.outputBytesMax;
        expect(faults.some(({ detail }) => !detail.includes("deeper"))).toBe(
          isLarge && !faults.some(({ detail }) => detail.includes("deeper")),
        );
      }),
    );
  });

  it.each([true, false])("counts the levels of values, lists or not (%s)", (isList) => {
    const of = (levels: number): Record<string, unknown> => ({ a: nested(levels - 1, isList) });
    expect(inspectOutput(of(LIMITS.outputDepthMax)).faults).toEqual([]);
    expect(inspectOutput(of(LIMITS.outputDepthMax + 1)).faults).toEqual(TOO_DEEP);
    expect(inspectOutput(of(5_000)).faults).toEqual(TOO_DEEP);
  });

  it("refuses what the server writes itself, and takes none", () => {
    expect(inspectOutput({ usage: {}, requests: [] }).faults.map(({ pointer }) => pointer)).toEqual([
      "/output/usage",
      "/output/requests",
    ]);
    expect(inspectOutput(null)).toEqual({ faults: [], bytes: 0 });
  });
});
