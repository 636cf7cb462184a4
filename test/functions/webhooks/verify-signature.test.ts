import { createHmac, generateKeyPairSync, sign as signEd25519 } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { sign as octokitSign, verify as octokitVerify } from "@octokit/webhooks-methods";
import * as fc from "fast-check";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { describe, expect, it } from "vitest";
import { SIGNATURE_SCHEMES } from "../../../functions/webhooks/signature-schemes.ts";
import { schemeOf, signedConfig } from "../../../functions/webhooks/signed-scheme.ts";
import { type SignatureScheme, verifySignature } from "../../../functions/webhooks/verify-signature.ts";
import type { SourceKind } from "../../../shared/event-source.ts";
import { readSigningKey } from "../../../shared/signing-secret.ts";
import { signGithub, signLinear, signSlack, signStandard, signVercel } from "../../helpers/webhooks.ts";

type Headers = Record<string, string>;
type Bytes = string | Uint8Array;
const NOW = Date.now();
const NOW_S = Math.floor(NOW / 1_000);

function known(kind: SourceKind): SignatureScheme {
  const scheme = SIGNATURE_SCHEMES[kind];
  if (scheme === undefined) throw new Error(`no scheme for ${kind}`);
  return scheme;
}

function check(
  scheme: SignatureScheme,
  headers: Headers,
  body: Bytes,
  secrets: string | readonly string[],
  now = NOW,
): string | number {
  const keys = [secrets].flat().map((secret) => readSigningKey(scheme.secret, secret));
  const usable = keys.filter((key) => key !== null);
  const found = verifySignature(scheme, { headers, body: Buffer.from(body as string) }, usable, now);
  return found.kind === "verified" ? found.keyIndex : found.reason;
}

const SLACK_BODY =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

describe("published vectors", () => {
  it("of GitHub, Slack, Standard Webhooks and Svix are accepted, and refused with one byte more", () => {
    const vectors: [SourceKind, Headers, string, string, number][] = [
      [
        "github",
        {
          "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        },
        "Hello, World!",
        "It's a Secret to Everybody",
        NOW,
      ],
      [
        "slack",
        {
          "x-slack-request-timestamp": "1531420618",
          "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        SLACK_BODY,
        "8f742231b10e8888abcd99yyyzzz85a5",
        1_531_420_618_000,
      ],
      [
        "standard",
        {
          "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
          "webhook-timestamp": "1614265330",
          "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        `{"test": 2432232314}`,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        1_614_265_330_000,
      ],
      [
        "standard",
        {
          "svix-id": "msg_loFOjxBNrRLzqYUf",
          "svix-timestamp": "1731705121",
          "svix-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        },
        `{"event_type":"ping","data":{"success":true}}`,
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        1_731_705_121_000,
      ],
    ];
    for (const [kind, headers, body, secret, now] of vectors) {
      expect(check(known(kind), headers, body, secret, now)).toBe(0);
      expect(check(known(kind), headers, `${body} `, secret, now)).toBe("bad_signature");
      expect(check(known(kind), headers, body, `${secret.slice(0, -1)}0`, now)).toBe("bad_signature");
    }
  });

  it("of HMAC itself (RFC 2202, RFC 4231) are accepted as Vercel's and Linear's signatures", () => {
    const text = "what do ya want for nothing?";
    const sha1 = { "x-vercel-signature": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" };
    const sha256 = {
      "linear-signature": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    };
    expect(check(known("vercel"), sha1, text, "Jefe")).toBe(0);
    expect(check(known("linear"), sha256, text, "Jefe")).toBe(0);
  });

  const path = fileURLToPath(
    new URL("../../../../shared/data/webhooks/signature-vectors.json", import.meta.url),
  );
  it.skipIf(!existsSync(path))(
    "collected beside this repository are accepted (skipped where they are not)",
    () => {
      const data = JSON.parse(readFileSync(path, "utf8")) as Record<string, Record<string, string>>;
      const checked: string[] = [];
      for (const [name, vector] of Object.entries(data)) {
        const kind = name.startsWith("standard") || name.startsWith("svix") ? "standard" : name;
        const scheme = SIGNATURE_SCHEMES[kind as SourceKind];
        const secret = vector["secret"] ?? vector["signing_secret"];
        const { body } = vector;
        if (scheme === undefined || secret === undefined || body === undefined) continue;
        const time =
          vector["webhook-timestamp"] ?? vector["svix-timestamp"] ?? vector["x-slack-request-timestamp"];
        expect(check(scheme, vector, body, secret, time === undefined ? NOW : Number(time) * 1_000)).toBe(0);
        checked.push(name);
      }
      expect(checked.length).toBeGreaterThanOrEqual(3);
    },
  );
});

/** Bodies that serialisers, parsers and decoders trip over. */
const bodies = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom("", "😀", "\r\n", "\uFEFF{}", "{\r\n\t}", "null", "é".normalize("NFD")),
);
const texts = fc
  .string({ unit: "binary", minLength: 1, maxLength: 80 })
  .filter((text) => text.isWellFormed());
const keys = fc.uint8Array({ minLength: 24, maxLength: 64 });

function flipped(body: Bytes, at: number): Buffer {
  const bytes = Buffer.from(body as string);
  if (bytes.length === 0) return Buffer.from("x");
  const index = at % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (at % 8));
  return bytes;
}

describe("signatures made by the senders' own libraries", () => {
  it("of GitHub: as @octokit/webhooks-methods", async () => {
    await fc.assert(
      fc.asyncProperty(texts, bodies, fc.nat(), async (secret, body, at) => {
        fc.pre(body !== "");
        const headers = { "x-hub-signature-256": await octokitSign(secret, body) };
        expect(check(known("github"), headers, body, secret)).toBe(0);
        expect(check(known("github"), headers, flipped(body, at), secret)).toBe("bad_signature");
        const ours = signGithub(secret, body)["x-hub-signature-256"] ?? "";
        expect(await octokitVerify(secret, body, ours)).toBe(true);
        expect(check(known("github"), headers, body, `${secret}x`)).toBe("bad_signature");
      }),
    );
  });

  it("of Standard Webhooks: as standardwebhooks and svix, under either set of names", () => {
    fc.assert(
      fc.property(keys, bodies, fc.uuid(), fc.nat(), (key, body, id, at) => {
        const secret = `whsec_${Buffer.from(key).toString("base64")}`;
        const date = new Date(NOW_S * 1_000);
        const standard = new StandardWebhook(secret).sign(id, date, body);
        const svix = new SvixWebhook(secret).sign(id, date, body);
        for (const [names, signature] of [
          ["webhook", standard],
          ["svix", svix],
        ] as const) {
          const headers = {
            [`${names}-id`]: id,
            [`${names}-timestamp`]: String(NOW_S),
            [`${names}-signature`]: signature,
          };
          expect(check(known("standard"), headers, body, secret)).toBe(0);
          expect(check(known("standard"), headers, body, secret.replace("whsec_", ""))).toBe(0);
          expect(check(known("standard"), headers, flipped(body, at), secret)).toBe("bad_signature");
        }
        const ours = signStandard(secret, body, { id, timestamp: NOW_S });
        expect(ours["webhook-signature"]).toBe(standard);
      }),
    );
  });

  it("of Linear: as LinearWebhookClient", () => {
    fc.assert(
      fc.property(texts, bodies, fc.nat(), (secret, text, at) => {
        const body = JSON.stringify({ text, webhookTimestamp: Date.now() });
        const headers = signLinear(secret, body);
        const signature = headers["linear-signature"] ?? "";
        expect(new LinearWebhookClient(secret).verify(Buffer.from(body), signature)).toBe(true);
        expect(check(known("linear"), headers, body, secret)).toBe(0);
        expect(check(known("linear"), headers, flipped(body, at), secret)).toBe("bad_signature");
      }),
    );
  });

  it("of Slack and Vercel: as their formulas", () => {
    fc.assert(
      fc.property(texts, bodies, fc.nat(), (secret, body, at) => {
        const text = `v0:${NOW_S}:${body.toWellFormed()}`;
        const digest = createHmac("sha256", secret).update(text, "utf8").digest("hex");
        const slack = { "x-slack-request-timestamp": String(NOW_S), "x-slack-signature": `v0=${digest}` };
        const bytes = body.toWellFormed();
        expect(check(known("slack"), slack, bytes, secret)).toBe(0);
        expect(check(known("slack"), slack, flipped(bytes, at), secret)).toBe("bad_signature");
        const vercel = { "x-vercel-signature": createHmac("sha1", secret).update(bytes).digest("hex") };
        expect(check(known("vercel"), vercel, bytes, secret)).toBe(0);
        expect(check(known("vercel"), vercel, flipped(bytes, at), secret)).toBe("bad_signature");
      }),
    );
  });

  it("hold for bytes that are no text", () => {
    fc.assert(
      fc.property(texts, fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (secret, body, at) => {
        const whsec = `whsec_${Buffer.from(secret).toString("base64")}`;
        const cases: [SourceKind, Headers, string][] = [
          ["github", signGithub(secret, body), secret],
          ["slack", signSlack(secret, body, NOW_S), secret],
          ["linear", signLinear(secret, body), secret],
          ["vercel", signVercel(secret, body), secret],
          ["standard", signStandard(whsec, body, { timestamp: NOW_S }), whsec],
        ];
        for (const [kind, headers, used] of cases) {
          expect(check(known(kind), headers, body, used)).toBe(0);
          expect(check(known(kind), headers, flipped(body, at), used)).toBe("bad_signature");
        }
      }),
    );
  });
});

describe("a signature", () => {
  const secret = "s3cret";
  const whsec = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

  it("of any text whatever is refused and never throws", () => {
    const anything = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^(sha256=|v0=|v1,|v1a,)?[0-9a-fA-F]{0,70}$/),
    );
    const kinds = fc.constantFrom<SourceKind>("github", "slack", "linear", "vercel", "standard");
    fc.assert(
      fc.property(kinds, anything, anything, anything, bodies, (kind, signature, timestamp, id, body) => {
        const scheme = known(kind);
        const names = scheme.headers[0];
        const headers: Headers = { [names?.signature ?? ""]: signature };
        if (names?.timestamp !== undefined) headers[names.timestamp] = timestamp;
        if (names?.id !== undefined) headers[names.id] = id;
        expect(typeof check(scheme, headers, body, kind === "standard" ? whsec : secret)).toBe("string");
      }),
    );
  });

  it("is missing when its header is absent or empty", () => {
    for (const kind of ["github", "slack", "linear", "vercel", "standard"] as const) {
      const signature = known(kind).headers[0]?.signature ?? "";
      expect(check(known(kind), {}, "{}", secret)).toBe("missing_signature");
      expect(check(known(kind), { [signature]: "" }, "{}", secret)).toBe("missing_signature");
    }
  });

  it("is refused when its header was sent twice, except where the scheme has lists", () => {
    const github = signGithub(secret, "{}")["x-hub-signature-256"] ?? "";
    expect(check(known("github"), { "x-hub-signature-256": `${github}, ${github}` }, "{}", secret)).toBe(
      "bad_signature",
    );
    const slack = signSlack(secret, "{}", NOW_S);
    const twice = { ...slack, "x-slack-request-timestamp": `${NOW_S}, ${NOW_S}` };
    expect(check(known("slack"), twice, "{}", secret)).toBe("stale_timestamp");
    const standard = signStandard(whsec, "{}", { timestamp: NOW_S });
    const good = standard["webhook-signature"] ?? "";
    const bad = `v1,${Buffer.alloc(32).toString("base64")}`;
    for (const list of [`${bad} ${good}`, `${good} ${bad}`, `v2,abc ${good}`]) {
      expect(check(known("standard"), { ...standard, "webhook-signature": list }, "{}", whsec)).toBe(0);
    }
    expect(check(known("standard"), { ...standard, "webhook-signature": `${bad} ${bad}` }, "{}", whsec)).toBe(
      "bad_signature",
    );
  });

  it("with a changed character is refused, however little the character says", () => {
    const github = signGithub(secret, "{}")["x-hub-signature-256"] ?? "";
    expect(check(known("github"), { "x-hub-signature-256": github.toUpperCase() }, "{}", secret)).toBe(
      "bad_signature",
    );
    const standard = signStandard(whsec, "{}", { timestamp: NOW_S });
    const good = standard["webhook-signature"] ?? "";
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The last letter of 32 bytes has two bits that decode to nothing.
    const last = letters.indexOf(good.at(-2) ?? "");
    const other = `${good.slice(0, -2)}${letters[last ^ 1]}=`;
    expect(check(known("standard"), { ...standard, "webhook-signature": other }, "{}", whsec)).toBe(
      "bad_signature",
    );
  });

  it("of Slack or Standard Webhooks holds for 300 seconds before and after, and no time that is not plain digits", () => {
    const odd = [
      "NaN",
      "",
      "-1",
      "0x5f5e100",
      "1e9",
      "Infinity",
      " ",
      `${NOW_S}.0`,
      `+${NOW_S}`,
      "9".repeat(30),
    ];
    const times: [number | string, boolean][] = [
      [NOW_S, true],
      [NOW_S - 299, true],
      [NOW_S + 299, true],
      [NOW_S - 302, false],
      [NOW_S + 302, false],
      ...odd.map((time): [string, boolean] => [time, false]),
    ];
    for (const [timestamp, isGood] of times) {
      const expected = isGood ? 0 : "stale_timestamp";
      expect(check(known("slack"), signSlack(secret, "{}", timestamp), "{}", secret)).toBe(expected);
      expect(check(known("standard"), signStandard(whsec, "{}", { timestamp }), "{}", whsec)).toBe(expected);
    }
  });

  it("of Standard Webhooks needs an id without a dot", () => {
    for (const id of ["", "a.b"]) {
      const headers = signStandard(whsec, "{}", { id, timestamp: NOW_S });
      expect(check(known("standard"), headers, "{}", whsec)).toBe("bad_signature");
    }
  });

  it("by an ed25519 key is accepted with the public key alone, beside shared ones", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const whpk = `whpk_${publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64")}`;
    const body = Buffer.from([0xff, 0x00, 0x7b]);
    const content = Buffer.concat([Buffer.from(`msg_1.${NOW_S}.`), body]);
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(NOW_S),
      "webhook-signature": `v1a,${signEd25519(null, content, privateKey).toString("base64")}`,
    };
    expect(check(known("standard"), headers, body, [whsec, whpk])).toBe(1);
    expect(check(known("standard"), headers, body, whsec)).toBe("bad_signature");
    expect(check(known("standard"), headers, flipped(body, 3), whpk)).toBe("bad_signature");
    // A public key is no shared secret, though everybody has it.
    const forged = signStandard(whpk.replace("whpk_", "whsec_"), body, { timestamp: NOW_S });
    expect(check(known("standard"), forged, body, whpk)).toBe("bad_signature");
  });

  it("is checked with every secret, and says which one it was", () => {
    const headers = signGithub("old", "{}");
    expect(check(known("github"), headers, "{}", ["new", "old"])).toBe(1);
    expect(check(known("github"), headers, "{}", [])).toBe("bad_signature");
  });

  it("cannot be made with a secret that holds no key", () => {
    for (const empty of ["whsec_", "whsec_=", "whsec_***", "whpk_", "whpk_AAAA", ""]) {
      expect(readSigningKey(known("standard").secret, empty)).toBeNull();
    }
    expect(readSigningKey(known("github").secret, "")).toBeNull();
  });
});

const stripeHeader = (secret: string, body: Bytes, time: number | string = NOW_S) =>
  `t=${time},v1=${createHmac("sha256", secret).update(`${time}.`).update(body).digest("hex")}`;

describe("a signed source", () => {
  const stripe = signedConfig.parse({
    algorithm: "sha256",
    encoding: "hex",
    header: "Stripe-Signature",
    item_separator: ",",
    field_separator: "=",
    field: "v1",
    template: "{timestamp}.{body}",
    timestamp: { field: "t", unit: "s", tolerance_seconds: 300 },
    id: { body: "/id" },
    type: { body: "/type" },
  });

  it("can describe Stripe's scheme, with several signatures and old versions beside them", () => {
    const scheme = schemeOf(stripe);
    fc.assert(
      fc.property(texts, fc.uint8Array(), fc.nat(), (secret, body, at) => {
        const header = stripeHeader(secret, body);
        expect(check(scheme, { "stripe-signature": header }, body, secret)).toBe(0);
        const zeros = "0".repeat(64);
        const several = header.replace(",v1", `,v0=${zeros},v1=${zeros},v1`);
        expect(check(scheme, { "stripe-signature": several }, body, secret)).toBe(0);
        expect(check(scheme, { "stripe-signature": header }, flipped(Buffer.from(body), at), secret)).toBe(
          "bad_signature",
        );
      }),
    );
    const old = stripeHeader("s", "{}", NOW_S - 301);
    expect(check(scheme, { "stripe-signature": old }, "{}", "s")).toBe("stale_timestamp");
    const twoTimes = `t=${NOW_S},${old}`;
    expect(check(scheme, { "stripe-signature": twoTimes }, "{}", "s")).toBe("stale_timestamp");
  });

  it("can describe other algorithms, encodings, units and kinds of secrets", () => {
    for (const algorithm of ["sha1", "sha256", "sha512"] as const) {
      for (const encoding of ["hex", "base64"] as const) {
        const config = signedConfig.parse({
          algorithm,
          encoding,
          header: "x-sig",
          prefix: "hmac ",
          template: "{id}\n{timestamp}\n{body}",
          timestamp: { header: "x-time", unit: "ms", tolerance_seconds: 10 },
          id: { header: "x-id" },
          secret: { encoding: "hex", strip_prefix: "key_" },
        });
        const digest = createHmac(algorithm, Buffer.from("c0ffee", "hex"))
          .update(`7\n${NOW}\n{}`)
          .digest(encoding);
        const headers = { "x-sig": `hmac ${digest}`, "x-time": String(NOW), "x-id": "7" };
        expect(check(schemeOf(config), headers, "{}", "key_c0ffee")).toBe(0);
        expect(check(schemeOf(config), { ...headers, "x-id": "8" }, "{}", "key_c0ffee")).toBe(
          "bad_signature",
        );
        expect(check(schemeOf(config), headers, "{}", "key_c0ffee", NOW + 11_000)).toBe("stale_timestamp");
      }
    }
  });

  it("is not described by a configuration that would leave its time or body unsigned", () => {
    const base = { algorithm: "sha256", encoding: "hex", header: "x-sig" };
    const timestamp = { header: "x-time", unit: "s", tolerance_seconds: 10 };
    for (const wrong of [
      { ...base, template: "{timestamp}" },
      { ...base, template: "{body}", timestamp },
      { ...base, template: "{timestamp}.{body}" },
      { ...base, template: "{id}.{body}", id: { body: "/id" } },
      { ...base, field: "v1" },
      { ...base, algorithm: "md5" },
      { ...base, header: "x sig" },
      { ...base, template: "{timestamp}.{body}", timestamp: { ...timestamp, tolerance_seconds: Infinity } },
      { ...base, template: "{timestamp}.{body}", timestamp: { ...timestamp, field: "t" } },
    ]) {
      expect(signedConfig.safeParse(wrong).success).toBe(false);
    }
    expect(signedConfig.safeParse(base).success).toBe(true);
  });
});
