import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { AppError } from "../../shared/errors.ts";
import type { HttpRequest } from "../../shared/http.ts";
import { createOidcVerifier, type OidcVerifier } from "../../shared/oidc.ts";
import { closeServer, listenOn } from "../helpers/google-metadata.ts";

/** What this file guards: a token is taken when Google signed it for us, now, and for nobody else; and without keys nobody is. */
const AUDIENCE = "https://ingest.example.test";
const EMAIL = "scheduler@project.iam.gserviceaccount.com";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
type Answer = { status: number; body: string } | "hang" | "endless";

let google: Pair;
let stranger: Pair;
let keys: JWK[];
let answer: () => Answer;
let requests: number;
let server: Server;
let now: number;
let oidc: OidcVerifier;

beforeAll(async () => {
  google = await generateKeyPair("RS256", { extractable: true });
  stranger = await generateKeyPair("RS256", { extractable: true });
});

beforeEach(async () => {
  keys = [await jwkOf(google, "k1")];
  answer = () => ({ status: 200, body: JSON.stringify({ keys }) });
  requests = 0;
  server = createServer((_request, response) => {
    requests += 1;
    const given = answer();
    if (given === "hang") return;
    if (given === "endless") {
      const more = (): boolean => {
        while (response.write(" ".repeat(65_536)));
        return response.destroyed;
      };
      response.on("drain", more);
      more();
      return;
    }
    response
      .writeHead(given.status, { "content-type": "application/json", location: "http://127.0.0.1:1/" })
      .end(given.body);
  });
  const { port } = await listenOn(server, "127.0.0.1", 0);
  now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now });
  oidc = createOidcVerifier({ keysUrl: `http://127.0.0.1:${port}/certs`, now: Date.now });
});

afterEach(async () => {
  vi.useRealTimers();
  await closeServer(server);
});

async function jwkOf({ publicKey }: Pair, kid: string): Promise<JWK> {
  return { ...(await exportJWK(publicKey)), kid, alg: "RS256", use: "sig" };
}

function claimsOf(claims: Record<string, unknown> = {}): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1_000);
  const usual = { iss: "https://accounts.google.com", aud: AUDIENCE, email: EMAIL, email_verified: true };
  return { ...usual, iat, exp: iat + 3_600, ...claims };
}

function token(
  claims: Record<string, unknown> = {},
  header: Partial<JWTHeaderParameters> = {},
  { privateKey }: Pair = google,
): Promise<string> {
  return new SignJWT(claimsOf(claims))
    .setProtectedHeader({ alg: "RS256", kid: "k1", ...header })
    .sign(privateKey);
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function hmac(key: string): (text: string) => string {
  return (text) => createHmac("sha256", key).update(text).digest("base64url");
}

/** A token in a form that no library would make. */
function handMade(header: Record<string, unknown>, sign: (text: string) => string): string {
  const text = `${part(header)}.${part(claimsOf())}`;
  return `${text}.${sign(text)}`;
}

/** `taken`, or the code of the refusal. */
async function outcomeOf(bearer: string, emails: readonly string[] = [EMAIL]): Promise<string> {
  const request = { headers: { authorization: `Bearer ${bearer}` } } as HttpRequest;
  try {
    await oidc.verify(request, { audience: AUDIENCE, emails });
    return "taken";
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe("a token", () => {
  it("of Google for us is taken, by either spelling of the issuer, and with clocks half a minute apart", async () => {
    const s = Math.floor(now / 1_000);
    for (const claims of [
      {},
      { iss: "accounts.google.com" },
      { aud: [AUDIENCE, "https://another"] },
      { exp: s - 20 },
      { iat: s + 20 },
      { nbf: s + 20 },
    ]) {
      expect([claims, await outcomeOf(await token(claims))]).toEqual([claims, "taken"]);
    }
    expect(requests).toBe(1);
  });

  it("of another time, audience, issuer or account is not", async () => {
    const s = Math.floor(now / 1_000);
    for (const claims of [
      { exp: s - 60 },
      { nbf: s + 60 },
      { iat: s + 60 },
      { iat: s - 86_400, exp: s + 86_400 },
      { exp: undefined },
      { iat: undefined },
      { aud: "https://webhooks.example.test" },
      { aud: `${AUDIENCE}/` },
      { aud: undefined },
      { iss: "https://accounts.google.com.evil.test" },
      { iss: undefined },
      { email: "another@project.iam.gserviceaccount.com" },
      { email: EMAIL.toUpperCase() },
      { email: [EMAIL] },
      { email_verified: false },
      { email_verified: "true" },
      { email_verified: undefined },
    ]) {
      expect([claims, await outcomeOf(await token(claims))]).toEqual([claims, "unauthorized"]);
    }
    expect(await outcomeOf(await token(), [])).toBe("unauthorized");
  });

  it("that proves nothing is not: no signature, the public key as a password, a key it brings along", async () => {
    const spki = await exportSPKI(google.publicKey);
    const jwk = await exportJWK(stranger.publicKey);
    const whole = await token();
    const bad = [
      handMade({ alg: "none" }, () => ""),
      handMade({ alg: "none", kid: "k1" }, () => ""),
      handMade({ alg: "HS256", kid: "k1" }, hmac(spki)),
      handMade({ alg: "HS256", kid: "k1" }, hmac(keys[0]?.n ?? "")),
      await token({}, {}, stranger),
      await token({}, { jwk }, stranger),
      await token({}, { jku: "http://127.0.0.1:1/", kid: "theirs" }, stranger),
      `${whole.slice(0, -4)}AAAA`,
      whole.slice(0, whole.lastIndexOf(".") + 1),
      "a.b.c",
      ".".repeat(10_000),
      "",
    ];
    for (const bearer of bad) expect([bearer, await outcomeOf(bearer)]).toEqual([bearer, "unauthorized"]);
  });
});

it("a token whose signature Cloud Run has removed is refused with what to set", async () => {
  const whole = await token();
  const removed = `${whole.slice(0, whole.lastIndexOf("."))}.SIGNATURE_REMOVED_BY_GOOGLE`;
  const request = { headers: { authorization: `Bearer ${removed}` } } as HttpRequest;
  await expect(oidc.verify(request, { audience: AUDIENCE, emails: [EMAIL] })).rejects.toMatchObject({
    code: "unauthorized",
    message: expect.stringContaining("NETRA_CALLER_AUTH=platform") as unknown,
  });
});

describe("Google's keys", () => {
  it("are fetched once for all who come at once, and not again for tokens that name keys nobody has", async () => {
    const good = await token();
    expect(new Set(await Promise.all(Array.from({ length: 200 }, () => outcomeOf(good))))).toEqual(
      new Set(["taken"]),
    );
    for (let n = 0; n < 20; n += 1) {
      expect(await outcomeOf(await token({}, { kid: `made-up-${n}` }, stranger))).toBe("unauthorized");
    }
    expect(requests).toBe(1);
  });

  it("that are new work once half a minute has passed, and old ones end with them", async () => {
    const before = await token();
    expect(await outcomeOf(before)).toBe("taken");
    const next = await generateKeyPair("RS256", { extractable: true });
    keys = [await jwkOf(next, "k2")];
    vi.setSystemTime(now + 31_000);
    expect(await outcomeOf(await token({}, { kid: "k2" }, next))).toBe("taken");
    expect(await outcomeOf(before)).toBe("unauthorized");
    expect(requests).toBe(2);
  });

  it("go on for an hour while they cannot be fetched again, and no longer", async () => {
    expect(await outcomeOf(await token())).toBe("taken");
    answer = () => ({ status: 500, body: "" });
    vi.setSystemTime(now + 59 * 60_000);
    expect(await outcomeOf(await token())).toBe("taken");
    vi.setSystemTime(now + 61 * 60_000);
    expect(await outcomeOf(await token())).toBe("unavailable");
    answer = () => ({ status: 200, body: JSON.stringify({ keys }) });
    expect(await outcomeOf(await token())).toBe("taken");
  });

  it.each<[string, Answer]>([
    ["are refused", { status: 403, body: "" }],
    ["are elsewhere", { status: 302, body: "" }],
    ["are no JSON", { status: 200, body: "<html>" }],
    ["are no keys", { status: 200, body: "{}" }],
    ["cannot be read", { status: 200, body: `{"keys":[{"kty":"RSA","kid":"k1","n":"AA","e":"AQAB"}]}` }],
    ["do not come", "hang"],
    ["never end", "endless"],
  ])("that %s let nobody in, who is to come again", async (_how, given) => {
    answer = () => given;
    const request = { headers: { authorization: `Bearer ${await token()}` } } as HttpRequest;
    await expect(oidc.verify(request, { audience: AUDIENCE, emails: [EMAIL] })).rejects.toMatchObject({
      code: "unavailable",
      options: { retryAfterSeconds: 5 },
    });
  });
});
