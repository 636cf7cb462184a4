import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../../functions/events/config.ts";
import { type Nudge, nudgeMessage } from "../../../shared/pubsub/nudge.ts";
import { type Events, insertEvent, listEvents, pushBody, startEvents } from "../../helpers/events.ts";

/** What this file guards: every shape a push comes in is understood, and nobody but the expected caller is served. */
let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

const EVENT = { source: "signed", eventType: "signed.thing", body: { a: 1 } } as const;

async function insertNudged(to: Events = events): Promise<Nudge> {
  const { adminDatabaseUrl } = to.databases;
  const key = await insertEvent(adminDatabaseUrl, to.tenant.organizationId, EVENT);
  return { kind: "event", organizationId: to.tenant.organizationId, ...key };
}

async function statusOf(id: string, of: Events = events): Promise<string | undefined> {
  return (await listEvents(of.databases.adminDatabaseUrl)).find((event) => event.id === id)?.status;
}

async function post(path: string, body: string, headers: Record<string, string> = {}, url = events.url) {
  const response = await fetch(`${url}${path}`, { method: "POST", body, headers });
  return { status: response.status, text: await response.text() };
}

describe("a push", () => {
  it("is taken wrapped, as a binary and as a structured CloudEvent, with and without data, at both paths", async () => {
    const cloudEvent = {
      "ce-id": "1",
      "ce-specversion": "1.0",
      "ce-source": "//pubsub.googleapis.com/projects/p/topics/t",
      "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
      "content-type": "application/json",
    };
    const shapes: readonly ((nudge: Nudge) => Promise<{ status: number; text: string }>)[] = [
      (nudge) => post("/push", JSON.stringify(pushBody(nudgeMessage(nudge)))),
      (nudge) =>
        post("/", JSON.stringify(pushBody(nudgeMessage(nudge))), { "content-type": "application/json" }),
      (nudge) => post("/", JSON.stringify(pushBody(nudgeMessage(nudge))), cloudEvent),
      (nudge) =>
        post(
          "/",
          JSON.stringify({
            specversion: "1.0",
            id: "1",
            type: "t",
            source: "s",
            data: pushBody(nudgeMessage(nudge)),
          }),
          { "content-type": "application/cloudevents+json" },
        ),
      (nudge) =>
        post("/push", JSON.stringify(pushBody({ ...nudgeMessage(nudge), data: Buffer.from("ignored") }))),
    ];
    for (const shape of shapes) {
      const nudge = await insertNudged();
      expect(await shape(nudge)).toEqual({ status: 204, text: "" });
      expect(await statusOf(nudge.id)).toBe("processed");
    }
  });

  it("that is no nudge is acknowledged with a warning, so that it does not come back for ever", async () => {
    const before = events.logLines.length;
    for (const attributes of [{}, { kind: "event", id: "1" }, { kind: "party", organization_id: "x" }]) {
      expect((await post("/push", JSON.stringify(pushBody({ attributes })))).status).toBe(204);
    }
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const lines = events.logLines.slice(before).join("");
    expect(lines.match(/"severity":"WARNING"/g)).toHaveLength(3);
    expect(lines.match(/"not_a_nudge":1/g)).toHaveLength(3);
  });

  it("that is malformed is refused with 400", async () => {
    for (const body of ["", "{", "[]", '{"message": "text"}', "null"]) {
      expect((await post("/push", body)).status).toBe(400);
    }
    expect((await fetch(`${events.url}/push`)).status).toBe(405);
    expect((await post("/nowhere", "{}")).status).toBe(404);
  });
});

describe("the caller", () => {
  const audience = "https://events.example.test";
  const email = "push@netra.iam.gserviceaccount.com";
  let guarded: Events;
  let keyServer: Server;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;

  beforeAll(async () => {
    keys = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "RS256", use: "sig" };
    keyServer = createServer((_, response) => {
      response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => {
      keyServer.listen(0, "127.0.0.1", resolve);
    });
    const { port } = keyServer.address() as AddressInfo;
    guarded = await startEvents({
      databases: events.databases,
      env: {
        NETRA_CALLER_AUTH: "oidc",
        NETRA_CALLER_AUDIENCE: audience,
        NETRA_CALLER_EMAILS: `other@example.test, ${email}`,
        NETRA_OIDC_KEYS_URL: `http://127.0.0.1:${port}/certs`,
      },
    });
  });
  afterAll(async () => {
    await guarded.close();
    keyServer.close();
  });

  async function token(
    claims: { audience?: string; email?: string; privateKey?: typeof keys.privateKey } = {},
  ) {
    return new SignJWT({ email: claims.email ?? email, email_verified: true })
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setIssuer("https://accounts.google.com")
      .setAudience(claims.audience ?? audience)
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(claims.privateKey ?? keys.privateKey);
  }

  it("must carry a token of an expected account when the function is to check it", async () => {
    const nudge = await insertNudged(guarded);
    const body = JSON.stringify(pushBody(nudgeMessage(nudge)));
    const stranger = await generateKeyPair("RS256");
    const refused = [
      {},
      { authorization: "Bearer nonsense" },
      { authorization: `Bearer ${await token({ audience: "https://elsewhere.test" })}` },
      { authorization: `Bearer ${await token({ email: "stranger@example.test" })}` },
      { authorization: `Bearer ${await token({ privateKey: stranger.privateKey })}` },
    ] as const;
    for (const headers of refused) {
      for (const path of ["/", "/push", "/sweep", "/reconcile"]) {
        expect((await post(path, body, headers as Record<string, string>, guarded.url)).status).toBe(401);
      }
    }
    expect(await statusOf(nudge.id, guarded)).toBe("pending");

    const headers = { authorization: `Bearer ${await token()}` };
    expect((await post("/push", body, headers, guarded.url)).status).toBe(204);
    expect(await statusOf(nudge.id, guarded)).toBe("processed");
    expect((await post("/sweep", "", headers, guarded.url)).status).toBe(200);
    const reconciled = await post("/reconcile", "", headers, guarded.url);
    expect({ ...reconciled, text: JSON.parse(reconciled.text) as unknown }).toMatchObject({
      status: 200,
      text: { sources: 0, errors: 0 },
    });
  });

  it("is never left unchecked by an environment that does not say who checks", () => {
    const env = { DATABASE_URL: "postgres://localhost/netra", GOOGLE_CLOUD_PROJECT: "p" };
    expect(() => readConfig(env)).toThrow(/NETRA_CALLER_AUTH/);
    expect(() => readConfig({ ...env, NETRA_CALLER_AUTH: "none" })).toThrow(/NETRA_CALLER_AUTH/);
    expect(() => readConfig({ ...env, NETRA_CALLER_AUTH: "oidc" })).toThrow(
      /NETRA_CALLER_AUDIENCE: is needed with oidc\n.*NETRA_CALLER_EMAILS: is needed/,
    );
    expect(() =>
      readConfig({
        ...env,
        NETRA_CALLER_AUTH: "oidc",
        NETRA_CALLER_AUDIENCE: "a",
        NETRA_CALLER_EMAILS: " ,",
      }),
    ).toThrow(/NETRA_CALLER_EMAILS/);
    expect(readConfig({ ...env, NETRA_CALLER_AUTH: "platform" }).topic).toBe(
      "projects/p/topics/netra-events",
    );
    expect(() => readConfig({ DATABASE_URL: env.DATABASE_URL, NETRA_CALLER_AUTH: "platform" })).toThrow(
      /GOOGLE_CLOUD_PROJECT/,
    );
  });
});
