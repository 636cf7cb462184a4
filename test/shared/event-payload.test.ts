import { describe, expect, it } from "vitest";
import { isText, readEventPayload } from "../../shared/event-payload.ts";

describe("the payload of an event", () => {
  it("is its JSON, with or without a byte order mark", () => {
    expect(readEventPayload("github", "application/json", '{"a":[1,null]}')).toEqual({ a: [1, null] });
    expect(readEventPayload("standard", "", '\uFEFF{"a":1}')).toEqual({ a: 1 });
  });

  it("is what a form holds, read as JSON where the sender put JSON into it", () => {
    const type = "application/x-www-form-urlencoded; charset=utf-8";
    expect(readEventPayload("github", type, "payload=%7B%22a%22%3A%22b+c%22%7D")).toEqual({ a: "b c" });
    expect(readEventPayload("slack", type, "command=%2Fship&text=it%20now")).toEqual({
      command: "/ship",
      text: "it now",
    });
  });

  it("is the message of a push", () => {
    const data = Buffer.from('{"status":"WORKING"}').toString("base64");
    const body = {
      message: { data, attributes: { buildId: "b" }, messageId: "1", publishTime: "2026-11-21T10:00:00Z" },
    };
    expect(readEventPayload("cloud-build", "application/json", JSON.stringify(body))).toEqual({
      attributes: { buildId: "b" },
      message_id: "1",
      publish_time: "2026-11-21T10:00:00Z",
      data: { status: "WORKING" },
    });
  });

  it.each([
    ["application/json", ""],
    ["application/json", "{"],
    ["text/plain", "hello"],
    ["application/x-www-form-urlencoded", ""],
    ["application/x-www-form-urlencoded", "payload=%7B"],
  ])("is nothing for %s with %j", (type, body) => {
    expect(readEventPayload("github", type, body)).toBeUndefined();
  });
});

it("tells text from bytes that no database text can hold", () => {
  expect(isText(Buffer.from("é 😀"))).toBe(true);
  expect(isText(Buffer.from([0xff, 0xfe]))).toBe(false);
  expect(isText(Buffer.from("a\0b"))).toBe(false);
});
