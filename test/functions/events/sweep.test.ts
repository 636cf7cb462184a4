import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Events, insertEvents, listEvents, startEvents } from "../../helpers/events.ts";
import { asOwner } from "../../helpers/tenant.ts";

/** What this file guards: whatever was not told of, or told of in vain, is told of again, each time once. */
let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());
beforeEach(() => {
  events.sink.refuse(false);
  events.sink.published.splice(0);
});

const EVENT = { source: "signed", eventType: "signed.thing", body: { a: 1 } } as const;

function insert(count: number) {
  return insertEvents(
    events.databases.adminDatabaseUrl,
    events.tenant.organizationId,
    Array.from({ length: count }, () => EVENT),
  );
}

function update(sets: string): Promise<unknown> {
  return asOwner(events.databases.adminDatabaseUrl, (sql) => sql.query(`update events set ${sets}`));
}

async function statuses(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status } of await listEvents(events.databases.adminDatabaseUrl)) {
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

describe("a sweep", () => {
  it("tells of everything that is due once, also when two run at once and there are several batches", async () => {
    const keys = await insert(250);

    const sweeps = await Promise.all([events.sweep(), events.sweep()]);

    expect(sweeps.map(({ status }) => status)).toEqual([200, 200]);
    expect(sweeps.map(({ body }) => body["is_done"])).toEqual([true, true]);
    const told = sweeps.map(({ body }) => Number(body["nudged_events"]));
    expect((told[0] ?? 0) + (told[1] ?? 0)).toBe(250);
    expect(
      events.sink
        .nudges()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(keys.map(({ id }) => id).toSorted());

    expect((await events.sweep()).body).toMatchObject({ nudged_events: 0, nudged_deliveries: 0 });
  });

  it("lets what it told of be processed, and leaves what is done alone", async () => {
    await update("next_attempt_at = now()");
    await events.processAll();
    expect(await statuses()).toEqual({ processed: 250 });
    expect((await events.sweep()).body).toMatchObject({ nudged_events: 0 });
  });

  it("tells of what a dead worker left, once its lease is over, and of failures when their next try has come", async () => {
    const [taken, held, failed, later] = await insert(4);
    const set = (key: typeof taken, status: string, due: string) =>
      asOwner(events.databases.adminDatabaseUrl, (sql) =>
        sql.query(
          `update events set status = '${status}', attempts = 1, next_attempt_at = now() + interval '${due}' where id = $1`,
          [key?.id],
        ),
      );
    await set(taken, "processing", "-1 second");
    await set(held, "processing", "1 minute");
    await set(failed, "failed", "-1 second");
    await set(later, "failed", "1 minute");

    expect((await events.sweep()).body).toMatchObject({ nudged_events: 2 });
    const told = events.sink.nudges().map(({ id }) => id);
    expect(new Set(told)).toEqual(new Set([taken?.id, failed?.id]));

    await Promise.all(events.sink.nudges().map((nudge) => events.push(nudge)));
    expect(await statuses()).toEqual({ processed: 252, processing: 1, failed: 1 });
    await update("next_attempt_at = now() where status in ('processing', 'failed')");
    await events.processAll();
    expect(await statuses()).toEqual({ processed: 254 });
  });

  it("answers 503 while Pub/Sub takes nothing, and what it took comes again when it is due", async () => {
    await insert(3);
    events.sink.refuse(true);

    const { status } = await events.sweep();

    expect(status).toBe(503);
    events.sink.refuse(false);
    expect((await events.sweep()).body).toMatchObject({ nudged_events: 0 });
    await update("next_attempt_at = now() where status = 'pending'");
    await events.processAll();
    expect(await statuses()).toEqual({ processed: 257 });
  });

  it("tells of deliveries too, which were left without a nudge", async () => {
    await asOwner(events.databases.adminDatabaseUrl, (sql) =>
      sql.query(
        `insert into event_subscriptions (organization_id, name, event_types, target_kind, target)
         values ($1, 'all', array ['signed.*'], 'https', 'http://127.0.0.1:9/')`,
        [events.tenant.organizationId],
      ),
    );
    const [key] = await insert(1);
    events.sink.refuse(true);
    expect(await events.push(key ?? { id: "", receivedAt: 0 })).toBe(204);
    expect(await statuses()).toEqual({ processed: 258 });
    events.sink.refuse(false);
    expect(events.sink.published).toEqual([]);
    await asOwner(events.databases.adminDatabaseUrl, (sql) =>
      sql.query("update event_deliveries set next_attempt_at = now()"),
    );

    expect((await events.sweep()).body).toMatchObject({ nudged_events: 0, nudged_deliveries: 1 });

    const [nudge] = events.sink.nudges();
    expect(nudge).toMatchObject({ kind: "delivery", receivedAt: key?.receivedAt });
    expect(await events.push(nudge ?? { id: "", receivedAt: 0 }, "delivery")).toBe(204);
    const attempts = await asOwner(events.databases.adminDatabaseUrl, (sql) =>
      sql.query("select status, attempts from event_deliveries"),
    );
    expect(attempts.rows).toEqual([{ status: "failed", attempts: 1 }]);
  });
});
