import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Events,
  type EventToInsert,
  insertEvents,
  listEvents,
  pushNudge,
  startEvents,
} from "../../helpers/events.ts";
import { asOwner, createTenant, type Tenant } from "../../helpers/tenant.ts";

/** What this file guards: what Slack and Linear send is kept typed, and the order it comes in does not matter. */
const CORPUS = fileURLToPath(new URL("../../../../shared/data/webhooks", import.meta.url));
const hasCorpus = existsSync(CORPUS);

let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

type Body = Record<string, unknown>;

function readCorpus(folder: string): [string, Body][] {
  const path = join(CORPUS, folder);
  return readdirSync(path)
    .filter((name) => name.endsWith(".json"))
    .map((name) => [name, JSON.parse(readFileSync(join(path, name), "utf8")) as Body]);
}

async function processEvents(
  list: readonly EventToInsert[],
  tenant: Tenant = events.tenant,
): Promise<string[]> {
  const keys = await insertEvents(events.databases.adminDatabaseUrl, tenant.organizationId, list);
  await events.processAll();
  return keys.map(({ id }) => id);
}

async function rowsOf(text: string, values: readonly unknown[]): Promise<Body[]> {
  return asOwner(
    events.databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Body>(text, [...values])).rows,
  );
}

/** What became of the events, with their rows; the counts by type go to the test's output. */
async function processCorpus(list: readonly EventToInsert[], table: string) {
  const ids = new Set(await processEvents(list));
  const stored = (await listEvents(events.databases.adminDatabaseUrl)).filter(({ id }) => ids.has(id));
  const counts: Record<string, number> = {};
  for (const { eventType, action } of list) {
    const name = action === null || action === undefined ? eventType : `${eventType} ${action}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  process.stdout.write(`processed into ${table}: ${JSON.stringify(counts, null, 2)}\n`);
  const rows = await rowsOf(`select event_id from ${table} where event_id = any ($1)`, [[...ids]]);
  return {
    ends: stored.map(({ status, error_class }) => `${status} ${error_class ?? ""}`),
    rows: rows.length,
  };
}

const HIDDEN = new Set(["organization_id", "id", "event_id", "created_at", "updated_at"]);

function withoutIds(row: Body): Body {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !HIDDEN.has(name)));
}

function slackEvent(body: Body, extra: Partial<EventToInsert> = {}): EventToInsert {
  const inner = (body["event"] ?? body) as Body;
  const subtype = inner["subtype"];
  return {
    source: "slack",
    eventType: `slack.${String(inner["type"])}`,
    action: typeof subtype === "string" && subtype !== "" ? subtype : null,
    body,
    ...extra,
  };
}

function linearEvent(body: Body, extra: Partial<EventToInsert> = {}): EventToInsert {
  return {
    source: "linear",
    eventType: `linear.${String(body["type"])}`,
    action: String(body["action"]),
    body,
    ...extra,
  };
}

describe("Slack", () => {
  it.skipIf(!hasCorpus)(
    "sends nothing that is not processed (skipped without ../shared/data/webhooks)",
    async () => {
      const list = readCorpus("slack").map(([, body]) => slackEvent(body));
      const { ends, rows } = await processCorpus(list, "slack_events");
      expect(ends).toEqual(list.map(() => "processed "));
      expect(rows).toBe(list.length);
    },
  );

  const envelope = (event: Body): Body => ({
    type: "event_callback",
    team_id: "T1",
    api_app_id: "A1",
    event_id: "Ev1",
    event_time: 1_790_000_123,
    event,
  });

  it.each<[string, EventToInsert, Body]>([
    [
      "a message in a thread",
      slackEvent(
        envelope({
          type: "message",
          channel: "C1",
          user: "U1",
          text: "hi",
          ts: "1790000100.000200",
          thread_ts: "1790000000.000100",
          event_ts: "1790000100.000200",
        }),
      ),
      {
        event: "message",
        slack_event_id: "Ev1",
        team_id: "T1",
        api_app_id: "A1",
        channel_id: "C1",
        user_id: "U1",
        text: "hi",
        ts: "1790000100.000200",
        thread_ts: "1790000000.000100",
        item_ts: null,
        provider_time: new Date(1_790_000_100_000),
      },
    ],
    [
      "an edit, with the message as it is now",
      slackEvent(
        envelope({
          type: "message",
          subtype: "message_changed",
          channel: "C1",
          ts: "1790000123.000300",
          event_ts: "1790000123.000300",
          message: { user: "U1", text: "new", ts: "1790000100.000200" },
          previous_message: { user: "U1", text: "old", ts: "1790000100.000200" },
        }),
      ),
      {
        subtype: "message_changed",
        user_id: "U1",
        text: "new",
        ts: "1790000123.000300",
        item_channel_id: "C1",
        item_ts: "1790000100.000200",
      },
    ],
    [
      "a deletion, without the text that was to go",
      slackEvent(
        envelope({
          type: "message",
          subtype: "message_deleted",
          channel: "C1",
          ts: "1790000124.000300",
          deleted_ts: "1790000100.000200",
          previous_message: { user: "U1", text: "old", ts: "1790000100.000200" },
        }),
      ),
      {
        subtype: "message_deleted",
        user_id: "U1",
        text: null,
        item_channel_id: "C1",
        item_ts: "1790000100.000200",
        provider_time: new Date(1_790_000_123_000),
      },
    ],
    [
      "a reaction with the message it is on",
      slackEvent(
        envelope({
          type: "reaction_added",
          user: "U2",
          reaction: "tada",
          item: { type: "message", channel: "C9", ts: "1790000100.000200" },
          item_user: "U1",
          event_ts: "1790000130.000400",
        }),
      ),
      {
        event: "reaction_added",
        user_id: "U2",
        reaction: "tada",
        item_channel_id: "C9",
        item_ts: "1790000100.000200",
        channel_id: "C9",
        ts: "1790000130.000400",
      },
    ],
    [
      "somebody who joins",
      slackEvent(
        envelope({
          type: "member_joined_channel",
          user: "U3",
          channel: "C1",
          team: "T1",
          inviter: "U1",
          event_ts: "1790000131.000400",
        }),
      ),
      { event: "member_joined_channel", user_id: "U3", channel_id: "C1" },
    ],
    [
      "a file",
      slackEvent(
        envelope({
          type: "file_shared",
          file_id: "F1",
          user_id: "U4",
          channel_id: "C4",
          event_ts: "1790000132.000400",
        }),
      ),
      { event: "file_shared", user_id: "U4", channel_id: "C4" },
    ],
    [
      "a command, timed by its signature",
      {
        source: "slack",
        eventType: "slack.command",
        action: "/netra",
        contentType: "application/x-www-form-urlencoded",
        headers: { "x-slack-request-timestamp": "1790000140" },
        body: new URLSearchParams({
          command: "/netra",
          text: "status now",
          user_id: "U5",
          channel_id: "C5",
          team_id: "T1",
          api_app_id: "A1",
        }).toString(),
      },
      {
        event: "command",
        subtype: "/netra",
        text: "status now",
        user_id: "U5",
        channel_id: "C5",
        team_id: "T1",
        api_app_id: "A1",
        provider_time: new Date(1_790_000_140_000),
      },
    ],
    [
      "an interaction",
      {
        source: "slack",
        eventType: "slack.interaction",
        action: "block_actions",
        contentType: "application/x-www-form-urlencoded",
        body: new URLSearchParams({
          payload: JSON.stringify({
            type: "block_actions",
            team: { id: "T1" },
            user: { id: "U6" },
            channel: { id: "C6" },
            api_app_id: "A1",
            container: { message_ts: "1790000100.000200" },
            message: { ts: "1790000100.000200", text: "pick" },
            actions: [{ action_id: "ok", action_ts: "1790000150.000500" }],
          }),
        }).toString(),
      },
      {
        event: "interaction",
        subtype: "block_actions",
        team_id: "T1",
        user_id: "U6",
        channel_id: "C6",
        text: "pick",
        ts: "1790000150.000500",
        item_ts: "1790000100.000200",
        provider_time: new Date(1_790_000_150_000),
      },
    ],
  ])("%s has its columns", async (_, event, columns) => {
    const [id] = await processEvents([event]);
    expect(await rowsOf("select * from slack_events where event_id = $1", [id])).toEqual([
      expect.objectContaining(columns),
    ]);
  });
});

const at = (second: number): string => new Date(1_790_000_000_000 + second * 1_000).toISOString();

/** Brings the events in one after the other, or all at once, then the repeats; answers the state they leave. */
async function endState(
  order: readonly EventToInsert[],
  repeats: readonly EventToInsert[],
  isAtOnce: boolean,
): Promise<unknown> {
  const { adminDatabaseUrl } = events.databases;
  const { organizationId } = await createTenant(adminDatabaseUrl);
  const own = new Map(order.map((event) => [event, { ...event, id: randomUUID() }]));
  await insertEvents(adminDatabaseUrl, organizationId, [...own.values()]);
  const push = async (event: EventToInsert): Promise<void> => {
    const key = { id: own.get(event)?.id ?? "", receivedAt: event.receivedAt ?? 0 };
    expect(await pushNudge(events.url, { kind: "event", organizationId, ...key })).toBe(204);
  };
  if (isAtOnce) await Promise.all(order.map(push));
  else for (const event of order) await push(event);
  // A repeat is the same event processed anew.
  const text = "update events set status = 'pending', next_attempt_at = now() where id = $1";
  for (const event of repeats) {
    await rowsOf(text, [own.get(event)?.id]);
    await push(event);
  }
  const items = await rowsOf(
    "select * from tracked_items where organization_id = $1 order by kind, external_id",
    [organizationId],
  );
  const projects = await rowsOf("select * from projects where organization_id = $1", [organizationId]);
  return { items: items.map(withoutIds), projects: projects.map(withoutIds) };
}

describe("Linear", () => {
  it.skipIf(!hasCorpus)(
    "sends nothing that is not processed (skipped without ../shared/data/webhooks)",
    async () => {
      const list = readCorpus("linear").map(([, body]) => linearEvent(body));
      const { ends, rows } = await processCorpus(list, "linear_events");
      expect(ends).toEqual(list.map(() => "processed "));
      expect(rows).toBe(list.length);
      const items = await rowsOf(
        "select kind, count(*)::int as count from tracked_items where organization_id = $1 group by kind order by kind",
        [events.tenant.organizationId],
      );
      expect(items.map(({ kind }) => kind)).toEqual(["comment", "cycle", "issue"]);
      expect(
        await rowsOf(
          "select name, status, deleted_at is not null as is_removed, lead, target_date::text from projects where name = 'rename project'",
          [],
        ),
      ).toEqual([
        {
          name: "rename project",
          status: "cancelled",
          is_removed: true,
          lead: "80e102b0-xxxx-xxxx-xxxx-044bcfb4cd39",
          target_date: "2021-02-11",
        },
      ]);
    },
  );

  const team = { id: "team-1", key: "KOR", name: "Core" };
  const issue = (second: number, fields: Body = {}): Body => ({
    id: "issue-1",
    number: 7,
    title: "First",
    createdAt: at(0),
    updatedAt: at(second),
    team,
    teamId: team.id,
    state: { id: "s1", name: "Backlog", type: "backlog" },
    creatorId: "u1",
    ...fields,
  });
  const comment = (second: number, fields: Body = {}): Body => ({
    id: "comment-1",
    body: "One line\nand another",
    issueId: "issue-1",
    user: { id: "u2", name: "Ada" },
    createdAt: at(20),
    updatedAt: at(second),
    ...fields,
  });
  const project = (second: number, fields: Body = {}): Body => ({
    id: "project-1",
    name: "Rocket",
    status: { name: "Planned", type: "planned" },
    createdAt: at(0),
    updatedAt: at(second),
    ...fields,
  });
  const cycle = (second: number, fields: Body = {}): Body => ({
    id: "cycle-1",
    number: 3,
    name: "Sprint",
    startsAt: at(0),
    endsAt: at(1_000),
    teamId: team.id,
    updatedAt: at(second),
    ...fields,
  });
  const sequence = (
    [
      ["Project", "create", project(0)],
      ["Cycle", "create", cycle(1)],
      ["Issue", "create", issue(2)],
      ["Issue", "update", issue(10, { title: "Second", assignee: { id: "u3", name: "Grace" } })],
      ["Comment", "create", comment(20)],
      [
        "Issue",
        "update",
        issue(30, { title: "Third", state: { name: "Done", type: "completed" }, completedAt: at(30) }),
      ],
      ["Comment", "update", comment(40, { body: "Changed" })],
      [
        "Project",
        "update",
        project(50, {
          name: "Rocket 2",
          status: { name: "Going", type: "started" },
          lead: { id: "u1", name: "Linus" },
        }),
      ],
      ["Cycle", "update", cycle(60, { completedAt: at(60) })],
      // A removal brings the time of the last change.
      ["Comment", "remove", comment(40, { body: "Changed" })],
      [
        "Issue",
        "remove",
        issue(30, {
          title: "Third",
          state: { name: "Done", type: "completed" },
          completedAt: at(30),
          archivedAt: at(70),
        }),
      ],
      ["Project", "update", project(80, { name: "Rocket 3", status: { name: "Dropped", type: "canceled" } })],
      ["Reaction", "create", { id: "reaction-1", emoji: "tada", createdAt: at(81), updatedAt: at(81) }],
    ] as const
  ).map(([type, action, data], index) =>
    linearEvent(
      {
        type,
        action,
        data,
        createdAt: at(index * 10),
        webhookTimestamp: 1_790_000_000_000 + index * 10_000,
        organizationId: "org",
      },
      { id: randomUUID(), deliveryKey: `delivery-${index}`, receivedAt: Date.now() },
    ),
  );

  it("ends the same in every order and with any repeats", async () => {
    const expected = await endState(sequence, [], false);
    expect(expected).toMatchObject({
      items: [
        {
          kind: "comment",
          title: "Changed",
          author: "Ada",
          parent_id: "issue-1",
          deleted_at: expect.any(Date),
        },
        { kind: "cycle", title: "Sprint", number: "3", closed_at: new Date(at(60)) },
        {
          kind: "issue",
          identifier: "KOR-7",
          title: "Third",
          state: "Done",
          deleted_at: new Date(at(70)),
          closed_at: new Date(at(30)),
        },
      ],
      projects: [
        {
          name: "Rocket 3",
          status: "cancelled",
          source: "linear",
          external_id: "project-1",
          version_time: new Date(at(80)),
        },
      ],
    });
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(sequence, { minLength: sequence.length }),
        fc.array(fc.constantFrom(...sequence), { maxLength: 4 }),
        fc.boolean(),
        async (order, repeats, isAtOnce) => {
          expect(await endState(order, repeats, isAtOnce)).toEqual(expected);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe("Standard Webhooks and other signed senders", () => {
  it("keep their payload and the moment of their signature", async () => {
    const [standard, svix, signed] = await processEvents([
      {
        source: "standard",
        eventType: "standard.invoice.paid",
        body: { type: "invoice.paid", data: { n: 1 } },
        headers: { "webhook-timestamp": "1790000001" },
      },
      {
        source: "standard",
        eventType: "standard.user.created",
        body: [1, 2],
        headers: { "svix-timestamp": "1790000002" },
      },
      { source: "signed", eventType: "signed.thing", body: '"text"', providerTime: 1_790_000_003_000 },
    ]);
    const stored = new Map(
      (await listEvents(events.databases.adminDatabaseUrl)).map((event) => [event.id, event]),
    );
    expect(stored.get(standard ?? "")).toMatchObject({
      status: "processed",
      is_known_type: false,
      payload: { data: { n: 1 } },
      provider_time: new Date(1_790_000_001_000),
    });
    expect(stored.get(svix ?? "")).toMatchObject({
      payload: [1, 2],
      provider_time: new Date(1_790_000_002_000),
    });
    expect(stored.get(signed ?? "")).toMatchObject({
      payload: "text",
      provider_time: new Date(1_790_000_003_000),
    });
  });
});
