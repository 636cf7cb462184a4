import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Events,
  insertEvent,
  insertEvents,
  listEvents,
  pushNudge,
  startEvents,
  type StoredEvent,
} from "../../helpers/events.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";

/** What this file guards: an event is processed once in effect, and one that cannot be harms no other. */
let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

const SLACK = { source: "slack", eventType: "slack.message" } as const;

function slackMessage(text: string) {
  return {
    type: "event_callback",
    team_id: "T1",
    event_id: randomUUID(),
    event_time: 1_790_000_000,
    event: {
      type: "message",
      channel: "C1",
      user: "U1",
      text,
      ts: "1790000000.000100",
      event_ts: "1790000000.000100",
    },
  };
}

function insert(
  event: Omit<Parameters<typeof insertEvent>[2], "source" | "eventType"> & { eventType?: string },
) {
  return insertEvent(events.databases.adminDatabaseUrl, events.tenant.organizationId, { ...SLACK, ...event });
}

async function stored(id: string): Promise<StoredEvent> {
  const found = (await listEvents(events.databases.adminDatabaseUrl)).find((event) => event.id === id);
  if (found === undefined) throw new Error("the event is gone");
  return found;
}

async function count(text: string, values: readonly unknown[] = []): Promise<number> {
  return asOwner(events.databases.adminDatabaseUrl, async (sql) => {
    const { rows } = await sql.query<{ count: number }>(`select count(*)::int as count from ${text}`, [
      ...values,
    ]);
    return rows[0]?.count ?? 0;
  });
}

async function effects(id: string) {
  return {
    logs: await count("event_processing_logs where event_id = $1", [id]),
    rows: await count("slack_events where event_id = $1", [id]),
    analytics: await count("analytics_outbox where $1 = any (record_ids)", [id]),
  };
}

describe("processing an event", () => {
  it("completes it with its payload, its row, its log and one line for the analytics copy", async () => {
    const key = await insert({ body: slackMessage("hello") });

    expect(await events.push(key)).toBe(204);

    expect(await stored(key.id)).toMatchObject({
      status: "processed",
      attempts: 1,
      next_attempt_at: null,
      error_class: null,
      actor: "U1",
      is_known_type: true,
      payload: { event: { text: "hello" } },
      provider_time: new Date(1_790_000_000_000),
      processed_at: expect.any(Date),
    });
    expect(await effects(key.id)).toEqual({ logs: 1, rows: 1, analytics: 1 });
  });

  it("processes it once however many nudges come at once", async () => {
    const key = await insert({ body: slackMessage("once") });

    const statuses = await Promise.all(Array.from({ length: 100 }, () => events.push(key)));

    expect(new Set(statuses)).toEqual(new Set([204]));
    expect(await stored(key.id)).toMatchObject({ status: "processed", attempts: 1 });
    expect(await effects(key.id)).toEqual({ logs: 1, rows: 1, analytics: 1 });
  });

  it("does nothing about an event that is processed already, that is not there or that another tenant names", async () => {
    const key = await insert({ body: slackMessage("mine") });
    const stranger = await createTenant(events.databases.adminDatabaseUrl);

    expect(
      await pushNudge(events.url, { kind: "event", organizationId: stranger.organizationId, ...key }),
    ).toBe(204);
    expect(await stored(key.id)).toMatchObject({ status: "pending", attempts: 0 });
    expect(await events.push({ id: randomUUID(), receivedAt: key.receivedAt })).toBe(204);
    expect(await events.push({ ...key, receivedAt: 0 })).toBe(204);

    await events.push(key);
    const first = await stored(key.id);
    await events.push(key);
    expect(await stored(key.id)).toEqual(first);
  });

  it("keeps and counts what the catalogue does not know", async () => {
    const key = await insert({ body: slackMessage("new"), eventType: "slack.never_heard_of" });

    await events.push(key);

    expect(await stored(key.id)).toMatchObject({ status: "processed", is_known_type: false });
    expect(events.logLines.join("")).toContain('"unknown_types":1');
  });

  it("ignores a type its organization has switched off, and no other organization's", async () => {
    const { adminDatabaseUrl } = events.databases;
    const other = await createTenant(adminDatabaseUrl);
    await asOwner(adminDatabaseUrl, (sql) =>
      sql.query(
        "insert into event_types (organization_id, type, source, is_enabled) values ($1, $2, 'slack', false)",
        [events.tenant.organizationId, "slack.pin_added"],
      ),
    );
    const event = { ...SLACK, eventType: "slack.pin_added", body: slackMessage("pin") };
    const mine = await insertEvent(adminDatabaseUrl, events.tenant.organizationId, event);
    const theirs = await insertEvent(adminDatabaseUrl, other.organizationId, event);

    await events.push(mine);
    await pushNudge(events.url, { kind: "event", organizationId: other.organizationId, ...theirs });

    expect(await stored(mine.id)).toMatchObject({
      status: "ignored",
      error_class: "type_disabled",
      next_attempt_at: null,
    });
    expect(await stored(theirs.id)).toMatchObject({ status: "processed", is_known_type: true });
    expect(await effects(mine.id)).toEqual({ logs: 1, rows: 0, analytics: 0 });
  });
});

describe("events with bodies of megabytes", () => {
  it("are all processed though not all of them are read at once", async () => {
    const keys = await insertEvents(
      events.databases.adminDatabaseUrl,
      events.tenant.organizationId,
      Array.from({ length: 6 }, () => ({ ...SLACK, body: slackMessage("x".repeat(6_000_000)) })),
    );

    const statuses = await Promise.all(keys.map((key) => events.push(key)));

    expect(new Set(statuses)).toEqual(new Set([204]));
    for (const { id } of keys) {
      expect(await count("events where id = $1 and status = 'processed' and attempts = 1", [id])).toBe(1);
    }
    // What is shown of a text is bounded.
    expect(await count("slack_events where length(text) > 50000")).toBe(0);
    await asOwner(events.databases.adminDatabaseUrl, (sql) =>
      sql.query("delete from events where id = any ($1)", [keys.map(({ id }) => id)]),
    );
  });
});

describe("events that cannot be processed", () => {
  it("end alone as dead letters, with a reason that quotes nothing of them, among others that are fine", async () => {
    const secret = "hunter2-hunter2";
    const bodies: readonly (readonly [string, unknown])[] = [
      ["unreadable_body", `{"event": ${secret}`],
      ["unreadable_body", Buffer.from([0xff, 0xfe, 0x00])],
      ["invalid_data", `{"event": {"text": ${"[".repeat(50_000)}${"]".repeat(50_000)}}}`],
    ];
    const good = await insertEvents(
      events.databases.adminDatabaseUrl,
      events.tenant.organizationId,
      Array.from({ length: 20 }, (_, index) => ({ ...SLACK, body: slackMessage(`good ${index}`) })),
    );
    const bad = [];
    for (const [, body] of bodies) bad.push(await insert({ body }));

    const all = [...good.slice(0, 10), ...bad, ...good.slice(10)];
    expect(new Set(await Promise.all(all.map((key) => events.push(key))))).toEqual(new Set([204]));

    for (const { id } of good) expect(await stored(id)).toMatchObject({ status: "processed" });
    for (const [index, { id }] of bad.entries()) {
      expect(await stored(id)).toMatchObject({
        status: "dead_letter",
        attempts: 1,
        next_attempt_at: null,
        error_class: bodies[index]?.[0],
      });
      expect((await stored(id)).error_message).not.toContain("hunter2");
      expect(await effects(id)).toEqual({ logs: 1, rows: 0, analytics: 0 });
    }
    expect(events.logLines.join("")).not.toContain("hunter2");
  });

  it("are few: NUL, half surrogates, endless numbers, forms and a byte order mark are kept as well as they can be", async () => {
    const text = JSON.stringify(slackMessage("X")).replace('"X"', String.raw`"a\u0000b\ud800c\\u0000"`);
    const key = await insert({ body: text });
    const pair = await insert({
      body: JSON.stringify(slackMessage("X")).replace('"X"', String.raw`"\ud83d\ude00"`),
    });
    const marked = await insert({ body: `\uFEFF${JSON.stringify(slackMessage("bom"))}` });
    const endless = await insert({ body: `{"event": {"type": "message", "n": 1e999999}}` });
    const form = await insert({
      body: new URLSearchParams({ command: "/netra", text: "a\0b", user_id: "U7", team_id: "T1" }).toString(),
      contentType: "application/x-www-form-urlencoded",
      eventType: "slack.command",
    });

    await Promise.all([key, pair, marked, endless, form].map((one) => events.push(one)));

    const kept = { event: { text: String.raw`a�b�c\u0000` } };
    expect(await stored(key.id)).toMatchObject({ status: "processed", payload: kept });
    expect(await stored(pair.id)).toMatchObject({ status: "processed", payload: { event: { text: "😀" } } });
    expect(await stored(marked.id)).toMatchObject({
      status: "processed",
      payload: { event: { text: "bom" } },
    });
    expect(await stored(endless.id)).toMatchObject({ status: "processed", payload: { event: { n: null } } });
    expect(await stored(form.id)).toMatchObject({
      status: "processed",
      payload: { text: "a�b" },
      actor: "U7",
    });
  });

  it("are tried again when the database refuses for now, and end after the eighth try", async () => {
    const key = await insert({ body: slackMessage("later") });
    const { adminDatabaseUrl } = events.databases;
    // The rows of the source cannot be written: a fault of ours, which an operator repairs.
    await asOwner(adminDatabaseUrl, (sql) => sql.query("revoke insert on slack_events from netra_app"));
    try {
      expect(await events.push(key)).toBe(204);
      const failed = await stored(key.id);
      expect(failed).toMatchObject({ status: "failed", attempts: 1, error_class: "unavailable" });
      expect(failed.next_attempt_at?.getTime()).toBeLessThan(Date.now() + 2 * 60_000 + 5_000);

      await asOwner(adminDatabaseUrl, (sql) =>
        sql.query("update events set attempts = 7, next_attempt_at = now() where id = $1", [key.id]),
      );
      expect(await events.push(key)).toBe(204);
      expect(await stored(key.id)).toMatchObject({
        status: "dead_letter",
        attempts: 8,
        error_class: "attempts_exhausted",
        next_attempt_at: null,
      });
    } finally {
      await asOwner(adminDatabaseUrl, (sql) => sql.query("grant insert on slack_events to netra_app"));
    }
    expect(await effects(key.id)).toEqual({ logs: 2, rows: 0, analytics: 0 });
  });

  it("wait for their next try: a nudge before it does nothing, one after it processes them", async () => {
    const key = await insert({ body: slackMessage("due") });
    const { adminDatabaseUrl } = events.databases;
    const setDue = (due: string) =>
      asOwner(adminDatabaseUrl, (sql) =>
        sql.query(
          `update events set status = 'failed', attempts = 2, next_attempt_at = now() + interval '${due}' where id = $1`,
          [key.id],
        ),
      );
    await setDue("1 hour");
    expect(await events.push(key)).toBe(204);
    expect(await stored(key.id)).toMatchObject({ status: "failed", attempts: 2 });

    await setDue("-1 second");
    expect(await events.push(key)).toBe(204);
    expect(await stored(key.id)).toMatchObject({ status: "processed", attempts: 3 });
  });

  it("end when their workers were gone at every try", async () => {
    const key = await insert({ body: slackMessage("deadly") });
    await asOwner(events.databases.adminDatabaseUrl, (sql) =>
      sql.query(
        "update events set status = 'processing', attempts = 8, next_attempt_at = now() where id = $1",
        [key.id],
      ),
    );

    expect(await events.push(key)).toBe(204);

    expect(await stored(key.id)).toMatchObject({ status: "dead_letter", error_class: "attempts_exhausted" });
  });
});

describe("a replay", () => {
  it("processes again without a second analytics line and with deliveries of its own", async () => {
    const { adminDatabaseUrl } = events.databases;
    await asOwner(adminDatabaseUrl, (sql) =>
      sql.query(
        `insert into event_subscriptions (organization_id, name, event_types, target_kind, target)
         values ($1, 'replays', array ['slack.team_rename'], 'https', 'http://127.0.0.1:9/')`,
        [events.tenant.organizationId],
      ),
    );
    const key = await insert({ body: slackMessage("again"), eventType: "slack.team_rename" });
    await events.push(key);
    const first = await stored(key.id);
    await asOwner(adminDatabaseUrl, (sql) =>
      sql.query(
        `update events set status = 'pending', attempts = 0, replays = replays + 1, next_attempt_at = now() where id = $1`,
        [key.id],
      ),
    );

    await events.push(key);

    expect(await stored(key.id)).toEqual({ ...first, replays: 1 });
    expect(await effects(key.id)).toEqual({ logs: 2, rows: 1, analytics: 1 });
    expect(await count("event_deliveries where event_id = $1", [key.id])).toBe(2);
    expect(events.sink.nudges().filter(({ kind }) => kind === "delivery")).toHaveLength(2);
  });
});
