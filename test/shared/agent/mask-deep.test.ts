import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskDeep } from "../../../shared/agent/mask-deep.ts";

const TOKEN = `ghp_${"aB3d".repeat(9)}`;

describe("maskDeep", () => {
  it("masks texts and keys at any depth and leaves everything else as it is", () => {
    expect(maskDeep({ a: [1, null, true, { b: `use ${TOKEN}` }], [TOKEN]: "x", n: 1.5 })).toEqual({
      a: [1, null, true, { b: "use [masked:github-token]" }],
      "[masked:github-token]": "x",
      n: 1.5,
    });
  });

  it("masks the text of a field that is named as a secret, whatever it says", () => {
    expect(
      maskDeep({
        dbPassword: "plain",
        "x-api-key": "abc",
        Authorization: "Bearer x",
        token: TOKEN,
        secret: "",
      }),
    ).toEqual({
      dbPassword: "[masked:secret]",
      "x-api-key": "[masked:secret]",
      Authorization: "[masked:secret]",
      token: "[masked:github-token]",
      secret: "",
    });
  });

  it("keeps counts and other fields whose names only resemble a secret's", () => {
    const value = { input_tokens: 5, token_count: "12", token: 7, passwordPolicy: "strict", tokens: ["a"] };
    expect(maskDeep(value)).toEqual(value);
  });

  it("masks what follows a secret's flag in a list of arguments", () => {
    expect(maskDeep(["login", "--password", "plain", "--user", "bob"])).toEqual([
      "login",
      "--password",
      "[masked:secret]",
      "--user",
      "bob",
    ]);
  });

  it("replaces what is nested too deeply to be looked at", () => {
    let value: unknown = TOKEN;
    for (let depth = 0; depth < 5_000; depth++) value = [value];
    const text = JSON.stringify(maskDeep(value));
    expect(text).toContain("[masked:too-deep]");
    expect(text).not.toContain(TOKEN);
  });

  it("does not copy what holds nothing to mask, and never changes what it was given", () => {
    const plain = { a: [1, { b: "main" }], c: { d: null } };
    expect(maskDeep(plain)).toBe(plain);
    const mixed = { plain, secret: [`use ${TOKEN}`] };
    const masked = maskDeep(mixed);
    expect(masked).toEqual({ plain, secret: ["use [masked:github-token]"] });
    expect(masked["plain"]).toBe(plain);
    expect(mixed.secret).toEqual([`use ${TOKEN}`]);
  });

  it("looks at each value once, however deep the one lies that is masked", () => {
    let looks = 0;
    let value: Record<string, unknown> = { token: "x" };
    for (let depth = 0; depth < 40; depth++) {
      const inner = value;
      value = {
        get inner() {
          looks += 1;
          return inner;
        },
      };
    }
    expect(JSON.stringify(maskDeep(value))).toContain("[masked:secret]");
    expect(looks).toBeLessThan(40 * 4);
  });

  it("does not touch prototypes", () => {
    const value: unknown = JSON.parse('{"__proto__": {"polluted": true}}');
    expect(JSON.stringify(maskDeep(value))).toBe('{"__proto__":{"polluted":true}}');
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("masking twice is masking once, for any JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const masked = maskDeep(value);
        expect(maskDeep(masked)).toEqual(masked);
      }),
    );
  });
});
