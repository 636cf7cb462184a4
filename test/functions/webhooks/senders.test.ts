import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  deliver,
  signLinear,
  signSlack,
  signStandard,
  signVercel,
  startWebhooks,
  type TestSource,
  type Webhooks,
} from "../../helpers/webhooks.ts";
import { listEvents } from "./stored-events.ts";

const SECRET = "8f742231b10e8888abcd99yyyzzz85a5";
const WHSEC = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
let webhooks: Webhooks;

beforeAll(async () => {
  webhooks = await startWebhooks();
});
afterAll(() => webhooks.close());

const stored = (eventId: string | undefined) =>
  listEvents(webhooks.databases.adminDatabaseUrl, "id = $1", [eventId]);

const message = (eventId: string, event: Record<string, unknown> = {}) =>
  JSON.stringify({
    type: "event_callback",
    team_id: "T1",
    api_app_id: "A1",
    event_id: eventId,
    event: { type: "message", channel: "C1", user: "U1", text: "hi", ...event },
  });

describe("Slack", () => {
  let source: TestSource;
  beforeAll(async () => {
    source = await webhooks.createSource({ kind: "slack", secrets: [SECRET] });
  });
  const send = (body: string, extra: Record<string, string> = {}, timestamp?: number) =>
    deliver(source.url, body, { ...signSlack(SECRET, body, timestamp), ...extra });

  it("gets its challenge back as text, when it signed it, and nothing is stored", async () => {
    const body = JSON.stringify({ type: "url_verification", token: "t", challenge: "abc<123>" });
    const answer = await send(body);
    expect(answer).toMatchObject({ status: 200, text: "abc<123>" });
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "source_id = $1", [source.id])).toEqual([]);
    expect((await deliver(source.url, body, signSlack("other", body))).status).toBe(401);
  });

  it("has a retry stored once, and a first try that only comes as a retry too", async () => {
    const body = message("Ev1", { ts: "1700000001.000100", event_ts: "1700000001.000100" });
    const retry = { "x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout" };
    const first = await send(body, retry);
    const second = await send(
      body,
      { ...retry, "x-slack-retry-num": "2" },
      Math.floor(Date.now() / 1_000) - 60,
    );
    expect(first.body).toMatchObject({ outcome: "accepted" });
    expect(second.body).toEqual({ event: first.body.event, outcome: "duplicate" });
    expect(await stored(first.body.event)).toMatchObject([
      {
        event_type: "slack.message",
        action: null,
        delivery_key: "Ev1",
        headers: { "x-slack-retry-num": "1" },
      },
    ]);
  });

  it("has the same message under another event_id kept and not processed, and no two different ones", async () => {
    const time = { ts: "1700000002.000100", event_ts: "1700000002.000100" };
    expect((await send(message("Ev2", time))).body.outcome).toBe("accepted");
    expect((await send(message("Ev3", time))).body.outcome).toBe("ignored");
    const others = [
      { ...time, channel: "C2" },
      { ...time, text: "something else" },
      { ...time, subtype: "message_deleted", event_ts: "1700000002.000200", deleted_ts: time.ts },
      {
        ...time,
        subtype: "message_changed",
        event_ts: "1700000003.000200",
        message: { ts: time.ts, text: "a" },
      },
      {
        ...time,
        subtype: "message_changed",
        event_ts: "1700000004.000200",
        message: { ts: time.ts, text: "a" },
      },
      { type: "reaction_added", reaction: "eyes", event_ts: "1700000005.000100" },
      { type: "reaction_added", reaction: "tada", event_ts: "1700000005.000100" },
      // Without a time nothing says that it is the same.
      { type: "tokens_revoked" },
      { type: "tokens_revoked" },
      { ts: "0000000000.000000" },
      { ts: "0000000000.000000" },
    ];
    for (const [index, event] of others.entries()) {
      expect((await send(message(`Other${index}`, event))).body.outcome).toBe("accepted");
    }
  });

  it("and Linear are taken however deeply they nest what they say", async () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const event = message("Deep", { ts: "1700000009.000100", event_ts: "1700000009.000100", type: "odd" });
    expect((await send(event.replace(`"hi"`, deep))).body.outcome).toBe("accepted");
    const linear = await webhooks.createSource({ kind: "linear", secrets: [SECRET] });
    const body = issue().replace(`"w1"`, deep);
    expect((await deliver(linear.url, body, signLinear(SECRET, body))).body.outcome).toBe("accepted");
  });

  it("has commands and interactions stored, the same words at another time as another event", async () => {
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const command = "command=%2Fdeploy&text=now&team_id=T1";
    const now = Math.floor(Date.now() / 1_000);
    const answers = [
      await send(command, form, now),
      await send(command, form, now),
      await send(command, form, now - 1),
      await send(`payload=${encodeURIComponent(`{"type":"block_actions"}`)}`, form),
    ];
    // Slack shows a person what it is answered.
    for (const { status, text, headers } of answers) {
      expect([status, text, headers.get("content-type")]).toEqual([200, "", "text/plain"]);
    }
    const events = await listEvents(
      webhooks.databases.adminDatabaseUrl,
      "source_id = $1 and event_type in ('slack.command', 'slack.interaction')",
      [source.id],
    );
    expect(events.map(({ event_type: type, action }) => [type, action])).toEqual([
      ["slack.command", "/deploy"],
      ["slack.command", "/deploy"],
      ["slack.interaction", "block_actions"],
    ]);
  });
});

const issue = (partial: Record<string, unknown> = {}) =>
  JSON.stringify({
    action: "update",
    type: "Issue",
    webhookId: "w1",
    createdAt: "2026-11-01T10:00:00.000Z",
    data: { id: randomUUID(), updatedAt: "2026-11-01T10:00:00.000Z" },
    webhookTimestamp: Date.now(),
    ...partial,
  });

describe("Linear", () => {
  let source: TestSource;
  beforeAll(async () => {
    source = await webhooks.createSource({ kind: "linear", secrets: [SECRET] });
  });
  const send = (body: string, extra: Record<string, string> = {}) =>
    deliver(source.url, body, { ...signLinear(SECRET, body), ...extra });

  it("is answered with exactly 200, for a repeat and for a replay as well", async () => {
    const data = { id: "i1", updatedAt: "2026-11-01T10:00:01.000Z" };
    const body = issue({ data });
    const headers = signLinear(SECRET, body);
    const first = await deliver(source.url, body, headers);
    const repeat = await deliver(source.url, body, headers);
    const replay = await send(issue({ data, webhookTimestamp: Date.now() + 1 }));
    const other = await send(issue({ data: { ...data, title: "other words" } }));
    expect(other.body.outcome).toBe("accepted");
    const later = await send(issue({ data: { ...data, updatedAt: "2026-11-01T10:00:02.000Z" } }));
    expect([first, repeat, replay, later].map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect([first, repeat, replay, later].map(({ body: { outcome } }) => outcome)).toEqual([
      "accepted",
      "duplicate",
      "ignored",
      "accepted",
    ]);
    // What does not say when it was may be said twice, but not sent twice in the same bytes.
    const silent = issue({ data: { id: "i2" } });
    expect((await send(silent)).body.outcome).toBe("accepted");
    expect((await send(silent)).body.outcome).toBe("ignored");
    const again = issue({ data: { id: "i2" }, webhookTimestamp: Date.now() + 5 });
    expect((await send(again)).body.outcome).toBe("accepted");
    expect(await stored(first.body.event)).toMatchObject([
      { event_type: "linear.Issue", action: "update", delivery_key: headers["linear-delivery"] },
    ]);
  });

  it("is refused when the time in the signed body is old, coming, missing or no number, whatever the header says", async () => {
    const times = [
      Date.now() - 61_000,
      Date.now() + 62_000,
      undefined,
      null,
      "NaN",
      String(Date.now()),
      {},
      0,
    ];
    for (const webhookTimestamp of times) {
      const answer = await send(issue({ webhookTimestamp }), { "linear-timestamp": String(Date.now()) });
      expect(answer.status).toBe(401);
    }
    const huge = issue().replace(/"webhookTimestamp":\d+/, `"webhookTimestamp":1e999`);
    expect((await send(huge)).status).toBe(401);
    expect((await send(issue(), { "linear-timestamp": "1" })).status).toBe(200);
  });
});

describe("Vercel", () => {
  it("is stored under the id in its body, once", async () => {
    const source = await webhooks.createSource({ kind: "vercel", secrets: [SECRET] });
    const body = JSON.stringify({ id: "evt_1", type: "deployment.succeeded", createdAt: 1 });
    const first = await deliver(source.url, body, signVercel(SECRET, body));
    const second = await deliver(source.url, body, signVercel(SECRET, body));
    expect(second.body).toEqual({ event: first.body.event, outcome: "duplicate" });
    expect(await stored(first.body.event)).toMatchObject([
      { event_type: "vercel.deployment.succeeded", delivery_key: "evt_1" },
    ]);
  });
});

describe("Standard Webhooks", () => {
  it("are stored under their signed id, once however often signed, under both sets of names", async () => {
    const source = await webhooks.createSource({ kind: "standard", secrets: [WHSEC] });
    const body = `{"type":"invoice.paid"}`;
    const now = Math.floor(Date.now() / 1_000);
    const send = (options: Parameters<typeof signStandard>[2]) =>
      deliver(source.url, body, signStandard(WHSEC, body, options));
    const first = await send({ id: "msg_1", timestamp: now - 10 });
    const second = await send({ id: "msg_1", timestamp: now });
    const svix = await send({ id: "msg_2", names: "svix" });
    expect(second.body).toEqual({ event: first.body.event, outcome: "duplicate" });
    expect(svix.body.outcome).toBe("accepted");
    expect(await stored(first.body.event)).toMatchObject([
      { event_type: "standard.invoice.paid", delivery_key: "msg_1" },
    ]);
    expect(await stored(svix.body.event)).toMatchObject([{ delivery_key: "msg_2" }]);
  });

  it("are kept whatever their body is", async () => {
    const source = await webhooks.createSource({ kind: "standard", secrets: [WHSEC] });
    for (const body of ["", "plain text", "[1,2]", Buffer.from([0, 0xff, 0xfe])]) {
      const answer = await deliver(source.url, body, signStandard(WHSEC, body));
      expect(answer.body.outcome).toBe("accepted");
      const [event] = await stored(answer.body.event);
      expect(event?.body.equals(Buffer.from(body as string))).toBe(true);
      expect(event?.is_text).toBe(typeof body === "string");
      expect(event?.event_type).toBe("standard.unknown");
    }
  });

  it("without a content type are taken like others", async () => {
    const source = await webhooks.createSource({ kind: "standard", secrets: [WHSEC] });
    const { "content-type": _, ...headers } = signStandard(WHSEC, `{"type":"a"}`);
    const answer = await deliver(source.url, `{"type":"a"}`, headers);
    expect(answer.body.outcome).toBe("accepted");
    expect(await stored(answer.body.event)).toMatchObject([{ content_type: null, event_type: "standard.a" }]);
  });
});

describe("a signed source", () => {
  it("names its events by what its configuration says", async () => {
    const config = {
      algorithm: "sha1",
      encoding: "hex",
      header: "X-Vercel-Signature",
      id: { body: "/meta/~1id" },
      type: { body: "/kinds/0" },
    };
    const source = await webhooks.createSource({ kind: "signed", secrets: [SECRET], config });
    const body = JSON.stringify({ meta: { "/id": 17 }, kinds: ["order.created"] });
    const answer = await deliver(source.url, body, signVercel(SECRET, body));
    expect(await stored(answer.body.event)).toMatchObject([
      { event_type: "signed.order.created", delivery_key: "17" },
    ]);
  });

  it("has a body under a new name that is not signed kept as a suspected replay", async () => {
    const config = {
      algorithm: "sha1",
      encoding: "hex",
      header: "x-vercel-signature",
      id: { header: "x-id" },
    };
    const source = await webhooks.createSource({ kind: "signed", secrets: [SECRET], config });
    const send = (id: string) => deliver(source.url, "{}", { ...signVercel(SECRET, "{}"), "x-id": id });
    expect((await send("1")).body.outcome).toBe("accepted");
    expect((await send("1")).body.outcome).toBe("duplicate");
    expect((await send("2")).body.outcome).toBe("ignored");
  });

  it("answers 503 while its configuration cannot be used", async () => {
    const source = await webhooks.createSource({ kind: "signed", secrets: [SECRET], config: {} });
    expect((await deliver(source.url, "{}", signVercel(SECRET, "{}"))).status).toBe(503);
  });
});
