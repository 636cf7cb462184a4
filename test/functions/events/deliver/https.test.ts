import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DeliveryKey } from "../../../../shared/postgres/event-deliveries.ts";
import { makeCertificate } from "../../../helpers/certificate.ts";
import { type DeliveryScene, makeSecret, startDeliveryScene } from "../../../helpers/deliverer.ts";
import { findFreePort } from "../../../helpers/ports.ts";
import { type Receiver, startReceiver } from "../../../helpers/receiver.ts";
import { until } from "../../../helpers/stored.ts";

/** What this file guards: a subscriber over HTTPS gets each event signed, and however it answers, the ledger says so. */
let scene: DeliveryScene;
let receiver: Receiver;
beforeAll(async () => {
  scene = await startDeliveryScene();
});
afterAll(() => scene.close());
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await receiver.close();
  await scene.owner.query("delete from event_deliveries");
  await scene.owner.query("delete from event_subscriptions");
});

/** A delivery of one new event to the receiver (or `target`), not yet made. */
async function prepare(
  target = receiver.url,
): Promise<{ key: DeliveryKey; subscriptionId: string; secret: string }> {
  const subscription = await scene.subscribe({ target });
  const [key] = await scene.route();
  if (key === undefined) throw new Error("the event was not routed");
  const name = subscription.secrets[0]?.reference.slice("env:".length) ?? "";
  return { key, subscriptionId: subscription.id, secret: scene.env[name] ?? "" };
}

describe("what is sent", () => {
  it("is the event with its type, time and payload, which both libraries accept as signed", async () => {
    const secret = makeSecret();
    scene.env["KNOWN"] = secret;
    await scene.subscribe({ target: receiver.url, secrets: [{ reference: "env:KNOWN", not_after: null }] });
    const providerTime = Date.parse("2026-11-10T12:00:00.123Z");
    const payload = { action: "opened", text: "Grüße 🎉 ​" };
    const [key] = await scene.route({ payload, providerTime });

    await scene.createDeliverer().deliver(key!);

    expect(receiver.requests).toHaveLength(1);
    const [{ method, path, headers, body }] = receiver.requests as [Receiver["requests"][number]];
    expect([method, path]).toEqual(["POST", "/hooks"]);
    expect(headers).toMatchObject({
      "webhook-id": key!.id,
      "content-type": "application/json",
      "user-agent": "Netra",
    });
    const expected = {
      type: "github.pull_request.opened",
      timestamp: "2026-11-10T12:00:00.123Z",
      data: { event_id: expect.any(String), source: "github", repository: "octo/widgets", payload },
    };
    expect(new StandardWebhook(secret).verify(body.toString(), headers)).toEqual(expected);
    expect(() => new SvixWebhook(secret).verify(body.toString(), headers)).not.toThrow();
    expect(() => new StandardWebhook(makeSecret()).verify(body.toString(), headers)).toThrow(
      /No matching signature/,
    );
    expect(await scene.readDelivery(key!)).toMatchObject({
      status: "delivered",
      attempts: 1,
      last_status: 204,
      next_attempt_at: null,
    });
    expect(scene.logText()).not.toContain(secret);
  });

  it("is signed with every secret that holds, newest first, and not with one that has ended", async () => {
    const [newest, old, ended] = [makeSecret(), makeSecret(), makeSecret()];
    Object.assign(scene.env, { NEWEST: newest, OLD: old, ENDED: ended });
    await scene.subscribe({
      target: receiver.url,
      secrets: [
        { reference: "env:NEWEST", not_after: null },
        { reference: "env:OLD", not_after: new Date(Date.now() + 3_600_000).toISOString() },
        { reference: "env:ENDED", not_after: new Date(Date.now() - 1_000).toISOString() },
      ],
    });
    const [key] = await scene.route();

    await scene.createDeliverer().deliver(key!);

    const { headers, body } = receiver.requests[0]!;
    const signatures = headers["webhook-signature"]?.split(" ") ?? [];
    expect(signatures).toHaveLength(2);
    const alone = { ...headers, "webhook-signature": signatures[0]! };
    expect(() => new StandardWebhook(newest).verify(body.toString(), alone)).not.toThrow();
    for (const secret of [newest, old]) {
      expect(() => new StandardWebhook(secret).verify(body.toString(), headers)).not.toThrow();
      expect(() => new SvixWebhook(secret).verify(body.toString(), headers)).not.toThrow();
    }
    expect(() => new StandardWebhook(ended).verify(body.toString(), headers)).toThrow(
      /No matching signature/,
    );
  });

  it("keeps its id at every retry, and has the time of its attempt", async () => {
    const { key, secret } = await prepare();
    receiver.answerWith((response) => response.writeHead(500).end());
    const start = Date.now();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await scene.createDeliverer({ now: () => start + attempt * 60_000 }).deliver(key);
      await scene.passTime(key);
    }

    const { requests } = receiver;
    expect(requests.map(({ headers }) => headers["webhook-id"])).toEqual([key.id, key.id, key.id]);
    const second = Math.floor(start / 1_000);
    expect(requests.map(({ headers }) => Number(headers["webhook-timestamp"]))).toEqual([
      second,
      second + 60,
      second + 120,
    ]);
    expect(new Set(requests.map(({ headers }) => headers["webhook-signature"])).size).toBe(3);
    expect(new Set(requests.map(({ body }) => body.toString())).size).toBe(1);
    expect(() =>
      new StandardWebhook(secret).verify(requests[0]!.body.toString(), requests[0]!.headers),
    ).not.toThrow();
  });

  it("has numbers as they came, beyond what a double holds", async () => {
    await scene.subscribe({ target: receiver.url });
    const [key] = await scene.route();
    await scene.owner.query("update events set payload = '{\"id\": 12345678901234567890.5}'");

    await scene.createDeliverer().deliver(key!);

    expect(receiver.requests[0]!.body.toString()).toContain("12345678901234567890.5");
  });

  it.each([
    ["is left out", 300_000, true],
    ["just fits", 250_000, false],
  ])("a payload that %s of 256 kB", async (_what, chars, omitted) => {
    await scene.subscribe({ target: receiver.url });
    const payload = { text: "x".repeat(chars) };
    const [key] = await scene.route({ payload });

    await scene.createDeliverer().deliver(key!);

    const { body } = receiver.requests[0]!;
    expect(body.length).toBeLessThanOrEqual(256 * 1024);
    const { data } = JSON.parse(body.toString()) as { data: Record<string, unknown> };
    expect(data["payload_omitted"]).toBe(omitted ? true : undefined);
    expect(data["payload"]).toEqual(omitted ? undefined : payload);
  });

  it.each([
    ["there is none", []],
    ["it cannot be read", [{ reference: "env:NOWHERE", not_after: null }]],
    ["it is no whsec_ key", [{ reference: "env:PLAIN", not_after: null }]],
    ["it is too short", [{ reference: "env:SHORT", not_after: null }]],
    ["it has ended", [{ reference: "env:GOOD", not_after: "2020-01-01T00:00:00Z" }]],
  ])("nothing without a secret: %s", async (_why, secrets) => {
    Object.assign(scene.env, { PLAIN: "correct horse", SHORT: "whsec_c2hvcnQ=", GOOD: makeSecret() });
    await scene.subscribe({ target: receiver.url, secrets });
    const [key] = await scene.route();

    await scene.createDeliverer().deliver(key!);

    expect(receiver.requests).toEqual([]);
    expect(await scene.readDelivery(key!)).toMatchObject({
      status: "failed",
      attempts: 1,
      last_error: expect.stringMatching(/^no_secret: /),
    });
  });

  it("goes over TLS to a receiver whose certificate is trusted, and to no other", async () => {
    const tls = makeCertificate();
    const secured = await startReceiver(tls);
    try {
      const { key } = await prepare(secured.url);
      await scene.createDeliverer().deliver(key);
      expect(secured.requests).toEqual([]);
      expect(await scene.readDelivery(key)).toMatchObject({
        status: "failed",
        last_error: "connection: DEPTH_ZERO_SELF_SIGNED_CERT",
      });

      await scene.passTime(key);
      await scene.createDeliverer({ ca: tls.cert }).deliver(key);
      expect(secured.requests).toHaveLength(1);
      expect((await scene.readDelivery(key)).status).toBe("delivered");
    } finally {
      await secured.close();
    }
  });
});

describe("how the receiver answers", () => {
  it.each([200, 201, 202, 204, 299])("%i is delivered, and ends a time of failure", async (status) => {
    const { key, subscriptionId } = await prepare();
    await scene.owner.query("update event_subscriptions set first_failure_at = now() - interval '1 day'");
    receiver.answerWith((response) => response.writeHead(status).end("thanks"));

    await scene.createDeliverer().deliver(key);

    expect(await scene.readDelivery(key)).toMatchObject({ status: "delivered", last_status: status });
    const { first_failure_at: failing, last_success_at: success } =
      await scene.readSubscription(subscriptionId);
    expect(failing).toBeNull();
    expect(success).not.toBeNull();
  });

  it.each([400, 401, 404, 500, 502])("%i is a failure that is tried again", async (status) => {
    const { key, subscriptionId } = await prepare();
    receiver.answerWith((response) => response.writeHead(status).end());

    await scene.createDeliverer().deliver(key);

    const row = await scene.readDelivery(key);
    expect(row).toMatchObject({
      status: "failed",
      last_status: status,
      last_error: `http_status: the receiver answered ${status}`,
    });
    expect(row.wait_seconds).toBeGreaterThanOrEqual(5);
    expect((await scene.readSubscription(subscriptionId)).first_failure_at).not.toBeNull();
  });

  it.each([301, 302, 307, 308])("%i is a failure: a redirect is not followed", async (status) => {
    const elsewhere = await startReceiver();
    try {
      const { key } = await prepare();
      receiver.answerWith((response) => response.writeHead(status, { location: elsewhere.url }).end());

      await scene.createDeliverer().deliver(key);

      expect(elsewhere.requests).toEqual([]);
      expect(receiver.requests).toHaveLength(1);
      expect(await scene.readDelivery(key)).toMatchObject({
        status: "failed",
        last_error: expect.stringMatching(/^redirect: /),
      });
    } finally {
      await elsewhere.close();
    }
  });

  it("410 switches the subscription off and cancels what waits for it, which a later event does not wait for", async () => {
    const { key, subscriptionId } = await prepare();
    const [waiting] = await scene.route();
    receiver.answerWith((response) => response.writeHead(410).end());

    await scene.createDeliverer().deliver(key);

    expect(await scene.readDelivery(key)).toMatchObject({ status: "dead_letter", last_status: 410 });
    expect(await scene.readDelivery(waiting!)).toMatchObject({
      status: "cancelled",
      last_error: "disabled: gone",
    });
    expect(await scene.readSubscription(subscriptionId)).toMatchObject({
      is_active: false,
      disabled_reason: "gone",
    });
    expect(await scene.route()).toEqual([]);
    const { rows } = await scene.owner.query("select count(*)::int as count from event_deliveries");
    expect(rows).toEqual([{ count: 2 }]);
  });

  it.each([
    [429, "120", 120],
    [503, "120", 120],
    [429, "1", 5],
    [429, "999999999", 86_400],
    [500, "120", 5],
    [429, "soon", 5],
  ])("%i with Retry-After %j waits %i s", async (status, retryAfter, seconds) => {
    const { key } = await prepare();
    receiver.answerWith((response) => response.writeHead(status, { "retry-after": retryAfter }).end());

    await scene.createDeliverer().deliver(key);

    const { wait_seconds: wait } = await scene.readDelivery(key);
    // The clock between the claim and its record runs on.
    expect(wait).toBeGreaterThanOrEqual(seconds);
    expect(wait).toBeLessThan(seconds + 30);
  });

  it("a date in Retry-After counts from now", async () => {
    const { key } = await prepare();
    const now = Date.now();
    const inAnHour = new Date(now + 3_600_000).toUTCString();
    receiver.answerWith((response) => response.writeHead(503, { "retry-after": inAnHour }).end());

    await scene.createDeliverer({ now: () => now }).deliver(key);

    const { wait_seconds: wait } = await scene.readDelivery(key);
    expect(wait).toBeGreaterThan(3_590);
    expect(wait).toBeLessThan(3_630);
  });

  it("one that never answers is given up", async () => {
    const { key } = await prepare();
    receiver.answerWith(() => undefined);

    await scene.createDeliverer({ timeoutMs: 300 }).deliver(key);

    expect(await scene.readDelivery(key)).toMatchObject({
      status: "failed",
      last_error: expect.stringMatching(/^timeout: /),
    });
  });

  it("one that takes the connection and says nothing of TLS is given up", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    try {
      const { key } = await prepare(`https://127.0.0.1:${(silent.address() as AddressInfo).port}/`);
      await scene.createDeliverer({ timeoutMs: 300 }).deliver(key);
      expect((await scene.readDelivery(key)).last_error).toMatch(/^timeout: /);
    } finally {
      silent.close();
    }
  });

  it("one that answers without end is read no further than a little", async () => {
    const { key } = await prepare();
    let written = 0;
    let ended = false;
    receiver.answerWith((response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && written < 200_000_000) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return void response.once("drain", more);
        }
      };
      response.on("close", () => (ended = true));
      more();
    });

    await scene.createDeliverer().deliver(key);

    expect((await scene.readDelivery(key)).status).toBe("delivered");
    await until(() => ended);
    expect(written).toBeLessThan(20_000_000);
  });

  it("a connection that is refused is a failure that is tried again", async () => {
    const { key } = await prepare(`http://127.0.0.1:${await findFreePort()}/`);

    await scene.createDeliverer().deliver(key);

    expect(await scene.readDelivery(key)).toMatchObject({
      status: "failed",
      last_error: "connection: ECONNREFUSED",
    });
  });

  it.each([
    ["no HTTP at all", "hello\r\n\r\n"],
    ["headers without end", `HTTP/1.1 200 OK\r\nx: ${"x".repeat(100_000)}\r\n\r\n`],
    ["a protocol change", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
    ["nothing, and goes", ""],
  ])("%s is a failure that is tried again", async (_what, answer) => {
    const odd = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(answer));
    }).listen(0, "127.0.0.1");
    await once(odd, "listening");
    try {
      const { key } = await prepare(`http://127.0.0.1:${(odd.address() as AddressInfo).port}/`);
      await scene.createDeliverer().deliver(key);
      expect((await scene.readDelivery(key)).status).toBe("failed");
    } finally {
      odd.close();
    }
  });
});
