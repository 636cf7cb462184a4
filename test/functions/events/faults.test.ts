import { createClient } from "@clickhouse/client";
import { Client } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { createDatabases } from "../../helpers/databases.ts";
import { startOwnPostgres } from "../../helpers/embedded-servers.ts";
import {
  eventsEnv,
  insertEvent,
  insertEvents,
  listEvents,
  pushNudge,
  startEvents,
  startPublishSink,
} from "../../helpers/events.ts";
import { startFunctionProcess } from "../../helpers/function-process.ts";
import { startIngest } from "../../helpers/ingest.ts";
import { relayUntilEmpty, until } from "../../helpers/stored.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";

/** What this file guards: whatever dies or goes away, an event is processed, and once in effect. */
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function cleanUpLater<T extends { close: () => Promise<unknown> }>(resource: T): T {
  cleanUps.push(() => resource.close());
  return resource;
}

const SLACK = {
  source: "slack",
  eventType: "slack.message",
  body: { type: "event_callback", event: { type: "message", user: "U1", text: "hi", channel: "C1" } },
} as const;

async function effects(adminDatabaseUrl: string) {
  const text = `select
    (select count(*)::int from events where status = 'processed') as processed,
    (select count(*)::int from slack_events) as rows,
    (select count(*)::int from event_processing_logs where outcome = 'processed') as logs,
    (select count(*)::int from analytics_outbox o cross join unnest(o.record_ids)) as analytics`;
  return asOwner(adminDatabaseUrl, async (sql) => (await sql.query<Record<string, number>>(text)).rows[0]);
}

function once(count: number) {
  return { processed: count, rows: count, logs: count, analytics: count };
}

describe("two functions on one database", () => {
  it("process the same 200 events at once, each of them once", async () => {
    const databases = cleanUpLater(await createDatabases());
    const one = cleanUpLater(await startEvents({ databases }));
    const other = cleanUpLater(await startEvents({ databases, tenant: one.tenant }));
    const keys = await insertEvents(
      databases.adminDatabaseUrl,
      one.tenant.organizationId,
      Array.from({ length: 200 }, () => SLACK),
    );

    const statuses = await Promise.all(
      keys.flatMap((key, index) =>
        (index % 2 === 0 ? [one, other] : [other, one]).map((events) => events.push(key)),
      ),
    );

    expect(new Set(statuses)).toEqual(new Set([204]));
    expect(await effects(databases.adminDatabaseUrl)).toEqual(once(200));
    const attempts = (await listEvents(databases.adminDatabaseUrl)).map((event) => event.attempts);
    expect(new Set(attempts)).toEqual(new Set([1]));
  });
});

describe("a worker that is killed between its claim and its commit", () => {
  it("has no effect, and its event is processed once by the next when the lease is over", async () => {
    const databases = cleanUpLater(await createDatabases());
    const tenant = await createTenant(databases.adminDatabaseUrl);
    const sink = cleanUpLater(await startPublishSink());
    const key = await insertEvent(databases.adminDatabaseUrl, tenant.organizationId, SLACK);
    // The effects wait for this lock, behind the claim, which is committed by then.
    const blocker = await startBlocker(
      databases.adminDatabaseUrl,
      "lock table slack_events in access exclusive mode",
    );
    const worker = await startFunctionProcess("events", eventsEnv(databases, sink));
    cleanUps.push(() => worker.end("SIGKILL"));

    const pushed = pushNudge(worker.url, {
      kind: "event",
      organizationId: tenant.organizationId,
      ...key,
    }).catch(() => "cut");
    await until(() => isWaitingForLock(databases.adminDatabaseUrl));
    await worker.end("SIGKILL");
    expect(await pushed).toBe("cut");
    await blocker.release();

    const [held] = await listEvents(databases.adminDatabaseUrl);
    expect(held).toMatchObject({ status: "processing", attempts: 1, payload: null });
    const next = cleanUpLater(await startEvents({ databases, tenant }));
    expect(await next.push(key)).toBe(204);
    expect(await listEvents(databases.adminDatabaseUrl)).toEqual([held]);
    expect(await effects(databases.adminDatabaseUrl)).toEqual(once(0));

    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query("update events set next_attempt_at = now()"),
    );
    await next.processAll();

    expect(await listEvents(databases.adminDatabaseUrl)).toMatchObject([
      { status: "processed", attempts: 2 },
    ]);
    expect(await effects(databases.adminDatabaseUrl)).toEqual(once(1));
  });

  it("may be slow instead of dead: what it does after another took over has no effect", async () => {
    const events = cleanUpLater(await startEvents());
    const { adminDatabaseUrl } = events.databases;
    const key = await insertEvent(adminDatabaseUrl, events.tenant.organizationId, SLACK);
    // Partitions are made after the claim is committed and before the effects.
    const blocker = await startBlocker(
      adminDatabaseUrl,
      "select pg_advisory_xact_lock(hashtext('event partitions'))",
    );

    const slow = events.push(key);
    await until(() => isWaitingForLock(adminDatabaseUrl));
    await asOwner(adminDatabaseUrl, (sql) => sql.query("update events set attempts = attempts + 1"));
    const taken = await listEvents(adminDatabaseUrl);
    await blocker.release();

    expect(await slow).toBe(204);
    expect(await listEvents(adminDatabaseUrl)).toEqual(taken);
    expect(taken).toMatchObject([{ status: "processing", attempts: 2 }]);
    expect(await effects(adminDatabaseUrl)).toEqual(once(0));
  });
});

/** Holds a lock until it is released, at the latest when the test ends. */
async function startBlocker(
  adminDatabaseUrl: string,
  lock: string,
): Promise<{ release: () => Promise<void> }> {
  const client = new Client({ connectionString: adminDatabaseUrl });
  await client.connect();
  await client.query("begin");
  await client.query(lock);
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (isHeld) await client.end();
    isHeld = false;
  };
  cleanUps.push(release);
  return { release };
}

async function isWaitingForLock(adminDatabaseUrl: string): Promise<boolean> {
  const text = `select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and application_name = 'netra-events'`;
  return asOwner(adminDatabaseUrl, async (sql) => {
    const { rows } = await sql.query<{ count: number }>(text);
    return (rows[0]?.count ?? 0) > 0;
  });
}

describe("a database that is away", () => {
  it("is answered with 503, so that Pub/Sub comes again, and everything goes on when it is back", async () => {
    const postgres = cleanUpLater(await startOwnPostgres());
    const tenant = await createTenant(postgres.adminDatabaseUrl);
    const databases = { ...postgres, clickhouseUrl: "http://127.0.0.1:9/none" };
    const events = cleanUpLater(await startEvents({ databases, tenant }));
    const keys = await insertEvents(
      postgres.adminDatabaseUrl,
      tenant.organizationId,
      Array.from({ length: 5 }, () => SLACK),
    );
    const [first, ...rest] = keys;
    if (first === undefined) throw new Error("nothing was inserted");
    expect(await events.push(first)).toBe(204);

    await postgres.stop();
    expect(await Promise.all(rest.map((key) => events.push(key)))).toEqual([503, 503, 503, 503]);
    expect((await events.sweep()).status).toBe(503);

    await postgres.start();
    for (const key of rest) await until(async () => (await events.push(key)) === 204);
    expect(await effects(postgres.adminDatabaseUrl)).toEqual(once(5));
  });
});

describe("the analytics copy", () => {
  it("gets one workload event for each processed event, with its lags, through the relay of executions", async () => {
    const databases = cleanUpLater(await createDatabases());
    const ingest = cleanUpLater(await startIngest({ databases }));
    const events = cleanUpLater(await startEvents({ databases, tenant: ingest.tenant }));
    const receivedAt = Date.now() - 60_000;
    const key = await insertEvent(databases.adminDatabaseUrl, ingest.tenant.organizationId, {
      source: "linear",
      eventType: "linear.Comment",
      action: "create",
      receivedAt,
      body: {
        type: "Comment",
        action: "create",
        createdAt: new Date(receivedAt - 5_000).toISOString(),
        actor: { name: "Ada" },
        data: { id: "c1", body: "x" },
      },
    });
    await Promise.all(Array.from({ length: 20 }, () => events.push(key)));

    await relayUntilEmpty(ingest.url, ingest.tenant.key);

    const client = createClient({ url: databases.clickhouseUrl });
    cleanUps.push(() => client.close());
    const query = `select toString(event_id) as id, event_type, event_category, dimensions['actor'] as actor,
      dimensions['known_type'] as known, metrics.name as names, metrics.value as lags from workload_events`;
    const rows = await (await client.query({ query, format: "JSONEachRow" })).json<{ lags: number[] }>();
    expect(rows).toEqual([
      {
        id: key.id,
        event_type: "linear.Comment",
        event_category: "linear",
        actor: "Ada",
        known: "true",
        names: ["provider_to_stored", "stored_to_processed"],
        lags: [5, expect.any(Number)],
      },
    ]);
    expect(rows[0]?.lags[1]).toBeGreaterThanOrEqual(59);
  });
});
