import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "pg";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { storeEvent, storeSubscription } from "../../helpers/deliveries.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";

const DAY_MS = 86_400_000;

let databases: TestDatabases;
let organizationId: string;

beforeAll(async () => {
  databases = await createDatabases();
});
afterAll(() => databases.close());

beforeEach(async () => {
  ({ organizationId } = await createTenant(databases.adminDatabaseUrl));
});

const owner = <T>(work: (sql: Client) => Promise<T>): Promise<T> => asOwner(databases.adminDatabaseUrl, work);

function storeOld(type: string, days: number): Promise<{ id: string; receivedAt: number }> {
  return owner((sql) =>
    storeEvent(sql, organizationId, { type, action: null, receivedAt: Date.now() - days * DAY_MS }),
  );
}

function cleanUp(max?: number): Promise<number> {
  return owner(async (sql) => {
    const { rows } = await sql.query<{ gone: number }>("select cleanup_old_events($1) as gone", [
      max ?? 10_000,
    ]);
    return rows[0]?.gone ?? 0;
  });
}

async function remaining(): Promise<string[]> {
  const text = "select id from events where organization_id = $1 order by received_at";
  return (await owner((sql) => sql.query<{ id: string }>(text, [organizationId]))).rows.map(({ id }) => id);
}

describe("cleanup_old_events", () => {
  it("removes what is older than its type's days, and keeps what is younger", async () => {
    await storeOld("github.star", 91);
    const young = await storeOld("github.star", 89);
    const year = await storeOld("github.push", 200);
    await storeOld("github.push", 366);
    await storeOld("signed.unknown", 91);

    expect(await cleanUp()).toBe(3);
    expect(await remaining()).toEqual([year.id, young.id]);
    expect(await cleanUp()).toBe(0);
  });

  it("goes by the organization's own days where it has said some", async () => {
    await owner((sql) =>
      sql.query(
        "insert into event_types (organization_id, type, source, retention_days) values ($1, 'github.push', 'github', 10)",
        [organizationId],
      ),
    );
    await storeOld("github.push", 11);
    const young = await storeOld("github.push", 9);
    const other = await storeOld("github.star", 11);

    expect(await cleanUp()).toBe(1);
    expect(await remaining()).toEqual([other.id, young.id]);
  });

  it("leaves events that are not done, and those with a delivery that is not", async () => {
    const pending = await storeOld("github.star", 100);
    const delivering = await storeOld("github.star", 99);
    await owner(async (sql) => {
      const text =
        "update events set status = 'failed', next_attempt_at = now() where organization_id = $1 and id = $2";
      await sql.query(text, [organizationId, pending.id]);
      const subscription = await storeSubscription(sql, organizationId);
      await sql.query(
        `insert into event_deliveries
           (organization_id, id, event_id, event_received_at, subscription_id, generation, next_attempt_at)
         values ($1, $2, $3, $4, $5, 0, now())`,
        [organizationId, randomUUID(), delivering.id, new Date(delivering.receivedAt), subscription.id],
      );
    });

    expect(await cleanUp()).toBe(0);
    expect(await remaining()).toEqual([pending.id, delivering.id]);
  });

  it("takes what was made of an event alone, in bounded steps, and keeps its key", async () => {
    const old: { id: string; receivedAt: number }[] = [];
    for (let at = 0; at < 5; at += 1) old.push(await storeOld("github.star", 100 + at));
    await owner(async (sql) => {
      for (const { id, receivedAt } of old) {
        const at = new Date(receivedAt);
        for (const table of ["github_events", "event_processing_logs"]) {
          await sql.query("select ensure_event_partition($1, $2)", [table, at]);
        }
        await sql.query(
          "insert into github_events (organization_id, event_id, received_at, event) values ($1, $2, $3, 'star')",
          [organizationId, id, at],
        );
        await sql.query(
          `insert into event_processing_logs
             (organization_id, event_id, event_received_at, replay, attempt, started_at, duration_ms, outcome)
           values ($1, $2, $3, 0, 1, $3, 1, 'processed')`,
          [organizationId, id, at],
        );
        await sql.query(
          `insert into event_keys (source_id, delivery_key, organization_id, event_id, received_at)
           values ($1, $2::uuid::text, $3, $2::uuid, $4)`,
          [randomUUID(), id, organizationId, at],
        );
      }
    });

    expect([await cleanUp(2), await cleanUp(2), await cleanUp(2), await cleanUp(2)]).toEqual([2, 2, 1, 0]);
    const counts = await owner((sql) =>
      sql.query(
        `select (select count(*)::integer from github_events where organization_id = $1) as typed,
           (select count(*)::integer from event_processing_logs where organization_id = $1) as tries,
           (select count(*)::integer from event_keys where organization_id = $1) as keys`,
        [organizationId],
      ),
    );
    expect(counts.rows).toEqual([{ typed: 0, tries: 0, keys: 5 }]);
  });
});
