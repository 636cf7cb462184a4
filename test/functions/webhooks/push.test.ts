import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deliver, startWebhooks, type TestSource, type Webhooks } from "../../helpers/webhooks.ts";
import { listEvents } from "./stored-events.ts";

const AUDIENCE = "https://netra.test/webhooks";
const EMAIL = "pusher@project.iam.gserviceaccount.com";
const config = { audience: AUDIENCE, emails: [EMAIL] };

let webhooks: Webhooks;
let build: TestSource;
let deploy: TestSource;
let privateKey: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];
let closeKeys: () => void;

beforeAll(async () => {
  const pair = await generateKeyPair("RS256", { extractable: true });
  privateKey = pair.privateKey;
  const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "RS256", use: "sig" }] };
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(jwks));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeKeys = () => {
    server.close();
    server.closeAllConnections();
  };
  const keysUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`;
  webhooks = await startWebhooks({ env: { NETRA_OIDC_KEYS_URL: keysUrl } });
  build = await webhooks.createSource({ kind: "cloud-build", secrets: [], config });
  deploy = await webhooks.createSource({ kind: "cloud-deploy", secrets: [], config });
});
afterAll(async () => {
  await webhooks.close();
  closeKeys();
});

const claims = { email: EMAIL, email_verified: true };

function token(
  options: { claims?: Record<string, unknown>; audience?: string; issuer?: string; expires?: string } = {},
): Promise<string> {
  return new SignJWT(options.claims ?? claims)
    .setProtectedHeader({ alg: "RS256", kid: "k1" })
    .setIssuer(options.issuer ?? "https://accounts.google.com")
    .setAudience(options.audience ?? AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(options.expires ?? "1h")
    .sign(privateKey);
}

const push = (message: Record<string, unknown>) =>
  JSON.stringify({
    message: { publishTime: "2026-11-01T00:00:00Z", ...message },
    subscription: "projects/p/subscriptions/s",
  });

async function send(source: TestSource, body: string, bearer?: string) {
  const authorization = `Bearer ${bearer ?? (await token())}`;
  return deliver(source.url, body, { "content-type": "application/json", authorization });
}

const stored = (eventId: string | undefined) =>
  listEvents(webhooks.databases.adminDatabaseUrl, "id = $1", [eventId]);

describe("a push", () => {
  it("of Cloud Build is one event for each status of a build, and no credential is kept", async () => {
    const data = Buffer.from(JSON.stringify({ id: "b1", status: "SUCCESS" })).toString("base64");
    const attributes = { buildId: "b1", status: "SUCCESS" };
    const first = await send(build, push({ data, attributes, messageId: "1" }));
    const second = await send(build, push({ data, attributes, messageId: "2" }));
    const working = await send(
      build,
      push({ data, attributes: { ...attributes, status: "WORKING" }, messageId: "3" }),
    );
    const fromData = await send(build, push({ data, messageId: "4" }));
    expect(first).toMatchObject({ status: 200, body: { outcome: "accepted" } });
    expect(second.body).toEqual({ event: first.body.event, outcome: "duplicate" });
    expect(working.body.outcome).toBe("accepted");
    expect(fromData.body.outcome).toBe("duplicate");
    const [event] = await stored(first.body.event);
    expect(event).toMatchObject({ event_type: "cloud-build.success", delivery_key: "b1:SUCCESS" });
    expect(JSON.stringify(event?.headers)).not.toMatch(/bearer/i);
  });

  it("of Cloud Deploy says everything in its attributes, and is one event for each message", async () => {
    const attributes = { Action: "Succeed", ResourceType: "JobRun", RolloutId: "r1" };
    const first = await send(deploy, push({ attributes, messageId: "10" }));
    const second = await send(deploy, push({ attributes, message_id: "10" }));
    expect(second.body).toEqual({ event: first.body.event, outcome: "duplicate" });
    expect(await stored(first.body.event)).toMatchObject([
      { event_type: "cloud-deploy.job_run", action: "succeed", delivery_key: "10" },
    ]);
  });

  it("without a token of the right account, audience, issuer, time and algorithm is 401", async () => {
    const body = push({ attributes: { buildId: "b2", status: "SUCCESS" }, messageId: "20" });
    const now = Math.floor(Date.now() / 1_000);
    const symmetric = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .setIssuer("https://accounts.google.com")
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(Buffer.from("0123456789abcdef0123456789abcdef"));
    const none = new UnsecuredJWT({ ...claims, iat: now, exp: now + 600 })
      .setIssuer("https://accounts.google.com")
      .setAudience(AUDIENCE)
      .encode();
    const stranger = (await generateKeyPair("RS256")).privateKey;
    const unknownKey = await new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setIssuer("https://accounts.google.com")
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(stranger);
    const bad = [
      await token({ audience: "https://other.test" }),
      await token({ issuer: "https://evil.test" }),
      await token({ expires: "-10m" }),
      await token({ claims: { email: "other@project.iam.gserviceaccount.com", email_verified: true } }),
      await token({ claims: { email: EMAIL, email_verified: false } }),
      await token({ claims: {} }),
      symmetric,
      none,
      unknownKey,
      "x.y.z",
      "",
    ];
    for (const bearer of bad) expect((await send(build, body, bearer)).status).toBe(401);
    expect((await deliver(build.url, body, {})).status).toBe(401);
    expect((await send(build, body)).body.outcome).toBe("accepted");
  });

  it("to a source without an audience or accounts is let in by no token", async () => {
    for (const incomplete of [{}, { audience: AUDIENCE }, { ...config, emails: [] }, { emails: [EMAIL] }]) {
      const source = await webhooks.createSource({ kind: "cloud-build", secrets: [], config: incomplete });
      expect((await send(source, push({ messageId: "1" }))).status).toBe(503);
    }
  });

  it("that is no message is 400", async () => {
    for (const body of ["", "no json", "{}", `{"message":1}`]) {
      expect((await send(build, body)).status).toBe(400);
    }
  });
});
