import { describe, expect, it } from "vitest";
import { nudgeMessage, readNudge } from "../../../shared/pubsub/nudge.ts";
import { readPush } from "../../../shared/pubsub/push.ts";

const NUDGE = {
  kind: "event",
  organizationId: "0190b1a2-0000-7000-8000-000000000001",
  id: "0190b1a2-0000-7000-8000-000000000002",
  receivedAt: Date.UTC(2026, 10, 21, 10, 0, 0, 123),
} as const;

describe("a nudge", () => {
  it("comes back from its message as it was", () => {
    expect(readNudge(nudgeMessage(NUDGE).attributes)).toEqual(NUDGE);
  });

  it.each([
    ["kind", "order"],
    ["organization_id", "1"],
    ["id", "0190b1a2-0000-7000-8000-00000000000g"],
    ["received_at", "yesterday"],
  ])("is none when its %s is not right", (name, value) => {
    expect(readNudge({ ...nudgeMessage(NUDGE).attributes, [name]: value })).toBeNull();
    const { [name]: _left, ...rest } = nudgeMessage(NUDGE).attributes;
    expect(readNudge(rest)).toBeNull();
  });
});

function read(body: unknown) {
  return readPush(Buffer.from(JSON.stringify(body)));
}

describe("a push", () => {
  const message = {
    data: "aGk=",
    attributes: { a: "b" },
    messageId: "7",
    publishTime: "2026-11-21T10:00:00Z",
  };
  const expected = {
    messageId: "7",
    publishTime: "2026-11-21T10:00:00Z",
    attributes: { a: "b" },
    data: Buffer.from("hi"),
    subscription: "projects/p/subscriptions/s",
    deliveryAttempt: 3,
  };

  it("is read from the envelope of a subscription", () => {
    expect(read({ message, subscription: "projects/p/subscriptions/s", deliveryAttempt: 3 })).toEqual(
      expected,
    );
  });

  it("is read from a structured CloudEvent", () => {
    const data = { message, subscription: "projects/p/subscriptions/s", deliveryAttempt: 3 };
    expect(read({ specversion: "1.0", id: "7", type: "t", source: "s", data })).toEqual(expected);
  });

  it("may have attributes only, and names in the other spelling", () => {
    expect(
      read({ message: { attributes: { a: "b" }, message_id: "9", publish_time: "2026-11-21T10:00:00Z" } }),
    ).toEqual({
      ...expected,
      messageId: "9",
      data: Buffer.alloc(0),
      subscription: null,
      deliveryAttempt: null,
    });
  });

  it.each(["", "{", "[]", "null", '{"message":1}', '{"message":{"attributes":{"a":1}}}'])(
    "is refused when its body is %j",
    (body) => {
      expect(() => readPush(Buffer.from(body))).toThrow(expect.objectContaining({ code: "bad_request" }));
    },
  );
});
