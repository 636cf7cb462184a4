import { afterAll, beforeAll, expect, it } from "vitest";
import { type Events, insertEvent, listEvents, startEvents } from "../helpers/events.ts";
import { asOwner } from "../helpers/tenant.ts";

/** A running instance took a month that was gone for an event that the database cannot hold. */
let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

async function processOne() {
  const { adminDatabaseUrl } = events.databases;
  const receivedAt = Date.UTC(2026, 7, 15);
  const event = { source: "slack", eventType: "slack.message", receivedAt } as const;
  const body = { type: "event_callback", event: { type: "message", user: "U1", text: "hi", channel: "C1" } };
  const key = await insertEvent(adminDatabaseUrl, events.tenant.organizationId, { ...event, body });
  expect(await events.push(key)).toBe(204);
  return (await listEvents(adminDatabaseUrl)).find(({ id }) => id === key.id);
}

function asAdmin(text: string) {
  return asOwner(events.databases.adminDatabaseUrl, (sql) => sql.query(text));
}

it("a month is made again when it was dropped, and its events end as archived when it was detached", async () => {
  expect(await processOne()).toMatchObject({ status: "processed" });
  await asAdmin("drop table slack_events_2026_08");
  expect(await processOne()).toMatchObject({ status: "processed" });
  await asAdmin("alter table slack_events detach partition slack_events_2026_08");
  expect(await processOne()).toMatchObject({ status: "dead_letter", error_class: "archived" });
});
