import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  deliver,
  signGithub,
  startWebhooks,
  type TestSource,
  type Webhooks,
} from "../../helpers/webhooks.ts";
import { listEvents } from "./stored-events.ts";

const SECRET = "It's a Secret to Everybody";
let webhooks: Webhooks;
let source: TestSource;

beforeAll(async () => {
  webhooks = await startWebhooks();
  source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
});
afterAll(() => webhooks.close());

const stored = (eventId: string | undefined) =>
  listEvents(webhooks.databases.adminDatabaseUrl, "id = $1", [eventId]);

describe("a delivery of GitHub", () => {
  it("of more values than can be read is kept as it came, under the names its headers have", async () => {
    const body = `{"action":"opened","lists":[${"[],".repeat(1_500_000)}0]}`;
    const answer = await deliver(source.url, body, signGithub(SECRET, body, { event: "pull_request" }));

    expect(answer).toMatchObject({ status: 200, body: { outcome: "accepted" } });
    const [event] = await stored(answer.body.event);
    expect(event).toMatchObject({ event_type: "github.pull_request", action: null, status: "pending" });
  });

  it("is stored with the bytes that were signed, and told of once", async () => {
    const body = `{"action":"opened", "number": 1,\r\n "title":"Grüße 🎉"}`;
    const headers = signGithub(SECRET, body, { event: "pull_request" });
    const answer = await deliver(source.url, body, {
      ...headers,
      cookie: "session=private",
      authorization: "Bearer x",
    });

    expect(answer).toMatchObject({ status: 200, body: { outcome: "accepted" } });
    const [event, ...others] = await stored(answer.body.event);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      source: "github",
      event_type: "github.pull_request",
      action: "opened",
      delivery_key: `1001:${headers["x-github-delivery"]}`,
      status: "pending",
      is_text: true,
      content_type: "application/json",
      headers: { "x-github-event": "pull_request", "x-github-hook-id": "1001" },
    });
    expect(event?.body.toString()).toBe(body);
    expect(Object.keys(event?.headers ?? {})).not.toContain("x-hub-signature-256");
    expect(JSON.stringify(event?.headers)).not.toMatch(/private|Bearer/);
    expect(webhooks.nudges.filter(({ id }) => id === answer.body.event)).toHaveLength(1);
  });

  it("is stored when it is a ping, and when it is a form", async () => {
    const ping = `{"zen":"Keep it logically awesome.","hook_id":1}`;
    const form = `payload=${encodeURIComponent(`{"action":"created","ref":"😀 a+b"}`)}`;
    const first = await deliver(source.url, ping, signGithub(SECRET, ping, { event: "ping" }));
    const second = await deliver(source.url, form, {
      ...signGithub(SECRET, form, { event: "create" }),
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(first.status).toBe(200);
    expect(second.status).toBe(200);
    expect(await stored(first.body.event)).toMatchObject([{ event_type: "github.ping", status: "pending" }]);
    expect(await stored(second.body.event)).toMatchObject([
      { event_type: "github.create", action: "created", content_type: "application/x-www-form-urlencoded" },
    ]);
  });

  it("is two events when two hooks send it under one GUID", async () => {
    const delivery = randomUUID();
    const answers = await Promise.all(
      ["1", "2"].map((hookId) => {
        const body = `{"installation":{"id":${hookId}}, "for":"two hooks"}`;
        return deliver(source.url, body, signGithub(SECRET, body, { delivery, hookId }));
      }),
    );
    expect(answers.map(({ body }) => body.outcome)).toEqual(["accepted", "accepted"]);
    expect(new Set(answers.map(({ body }) => body.event)).size).toBe(2);
  });

  it("is kept and not processed when the same body comes under a new GUID", async () => {
    const body = `{"action":"edited","what":"a replay"}`;
    const first = await deliver(source.url, body, signGithub(SECRET, body));
    const replay = await deliver(source.url, body, signGithub(SECRET, body));
    expect(first.body.outcome).toBe("accepted");
    expect(replay).toMatchObject({ status: 200, body: { outcome: "ignored" } });
    expect(await stored(replay.body.event)).toMatchObject([
      { status: "ignored", error_class: "suspected_replay", next_attempt_at: null },
    ]);
    expect(webhooks.nudges.filter(({ id }) => id === replay.body.event)).toEqual([]);
  });

  it("is one row and one message when it comes a hundred times at once", async () => {
    const body = `{"action":"opened","what":"a storm"}`;
    const headers = signGithub(SECRET, body);
    const answers = await Promise.all(Array.from({ length: 100 }, () => deliver(source.url, body, headers)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(answers.filter(({ body: { outcome } }) => outcome === "accepted")).toHaveLength(1);
    const ids = new Set(answers.map(({ body: { event } }) => event));
    expect(ids.size).toBe(1);
    const [id] = ids;
    expect(await stored(id)).toHaveLength(1);
    const key = `1001:${headers["x-github-delivery"]}`;
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "delivery_key = $1", [key])).toHaveLength(1);
    expect(webhooks.nudges.filter((nudge) => nudge.id === id)).toHaveLength(1);
  });

  it("is stored whatever its unsigned headers hold, under names that fit", async () => {
    const odd = ["x".repeat(3_000), "\u00ff\u0080\ttab", " ", "'); drop table events; --"];
    for (const [index, value] of odd.entries()) {
      const body = `{"action":"\\u0000\\ud800${"a".repeat(500)}","n":${index}}`;
      const headers = signGithub(SECRET, body);
      const answer = await deliver(source.url, body, {
        ...headers,
        "x-github-event": value,
        "x-github-delivery": value + randomUUID(),
      });
      expect(answer).toMatchObject({ status: 200, body: { outcome: "accepted" } });
      const [event] = await stored(answer.body.event);
      expect(event?.event_type.length).toBeLessThanOrEqual(200);
      expect(event?.action?.length).toBe(200);
    }
  });

  it("is refused clearly when the signed body is no JSON object", async () => {
    for (const body of ["", "not json", `"text"`, "[1]", "null", Buffer.from([0x7b, 0xff, 0x7d])]) {
      expect((await deliver(source.url, body as string, signGithub(SECRET, body))).status).toBe(400);
    }
  });
});
