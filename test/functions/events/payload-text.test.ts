import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasMoreValuesThan } from "../../../shared/count-values.ts";
import { payloadTextOf } from "../../../functions/events/payload-text.ts";
import { TooComplexBody } from "../../../functions/events/too-complex-body.ts";
import { readEventPayload } from "../../../shared/event-payload.ts";
import type { SourceKind } from "../../../shared/event-source.ts";

/** What this file guards: what is stored of an event is what the intake has read of it, in the sender's own digits. */
const FORM = "application/x-www-form-urlencoded";

function textOf(source: SourceKind, contentType: string, body: string): string | undefined {
  return payloadTextOf({ source, contentType }, body);
}

function pushOf(data: string | Buffer): string {
  const message = { attributes: { a: "b" }, data: Buffer.from(data).toString("base64"), messageId: "1" };
  return JSON.stringify({ message, subscription: "projects/p/subscriptions/s" });
}

describe("the text of a payload", () => {
  it("says what the intake reads, of bodies, forms and pushes", () => {
    // The intake takes `null` for a text, which makes no difference to it.
    const anyData = fc.oneof(fc.json(), fc.string()).filter((data) => data !== "null");
    const anyBody = fc.oneof(
      fc.json().map((body) => ["standard", "application/json", body] as const),
      fc.json().map((body) => ["github", FORM, new URLSearchParams({ payload: body }).toString()] as const),
      fc
        .dictionary(fc.string(), fc.string(), { minKeys: 1 })
        .map(
          (fields) => ["slack", `${FORM}; charset=utf-8`, new URLSearchParams(fields).toString()] as const,
        ),
      anyData.map((data) => ["cloud-build", "", pushOf(data)] as const),
      fc.uint8Array().map((data) => ["cloud-deploy", "", pushOf(Buffer.from(data))] as const),
    );
    fc.assert(
      fc.property(anyBody, ([source, contentType, body]) => {
        const text = textOf(source, contentType, body);
        const value = text === undefined ? undefined : (JSON.parse(text) as unknown);
        expect(value).toEqual(readEventPayload(source, contentType, body));
      }),
      { numRuns: 300 },
    );
  });

  it("has the digits that were sent", () => {
    const digits = '{"id": 9007199254740993, "amount": 10.10}';
    expect(textOf("standard", "application/json", digits)).toBe(digits);
    expect(textOf("standard", "application/json", `\uFEFF${digits}`)).toBe(digits);
    expect(textOf("slack", FORM, new URLSearchParams({ payload: digits }).toString())).toBe(digits);
    expect(textOf("cloud-build", "", pushOf(digits))).toBe(
      `{"attributes":{"a":"b"},"message_id":"1","publish_time":null,"data":${digits}}`,
    );
  });

  it("is refused where it has too many values, before it is read", () => {
    const many = `[${"{},".repeat(550_000)}0]`;
    for (const [source, contentType, body] of [
      ["github", "application/json", many],
      ["github", FORM, `payload=${many}`],
      ["slack", FORM, "a&".repeat(1_100_000)],
      ["cloud-build", "", pushOf(many)],
      ["cloud-build", "", `{"message": ${many}}`],
    ] as const) {
      expect(() => textOf(source, contentType, body)).toThrow(TooComplexBody);
    }
  });
});

describe("the count of values", () => {
  it("leaves out what stands in texts, behind escaped quotes as well", () => {
    const text = String.raw`{"a,[{": ",,,\",,[\\", "b": [1, {}, 3]}`;
    expect(hasMoreValuesThan(text, 6)).toBe(false);
    expect(hasMoreValuesThan(text, 5)).toBe(true);
    expect(hasMoreValuesThan(`"${",".repeat(100)}"`, 1)).toBe(false);
  });
});
