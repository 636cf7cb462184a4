import { afterAll, beforeAll, expect, it } from "vitest";
import { type Events, insertEvents, startEvents } from "../helpers/events.ts";
import { asOwner } from "../helpers/tenant.ts";

let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

it.each(["standard", "signed"] as const)(
  "what a %s source sends that is no JSON is processed, as the text it is, and not given up",
  async (source) => {
    const bodies = ["hello", "", "{", Buffer.from([0xff, 0x00])];
    const keys = await insertEvents(
      events.databases.adminDatabaseUrl,
      events.tenant.organizationId,
      bodies.map((body) => ({ source, eventType: `${source}.note`, body })),
    );
    await events.processAll();

    const { rows } = await asOwner(events.databases.adminDatabaseUrl, (sql) =>
      sql.query("select status, payload from events where id = any ($1) order by array_position($1, id)", [
        keys.map(({ id }) => id),
      ]),
    );
    expect(rows).toEqual([
      { status: "processed", payload: "hello" },
      { status: "processed", payload: "" },
      { status: "processed", payload: "{" },
      { status: "processed", payload: null },
    ]);
  },
);
