import { afterAll, beforeAll, expect, it } from "vitest";
import { storeEvent } from "../../helpers/deliveries.ts";
import { type Retention, setPolicy, startRetention } from "../../helpers/retention.ts";
import { asOwner } from "../../helpers/tenant.ts";

let retention: Retention;
beforeAll(async () => {
  retention = await startRetention();
});
afterAll(() => retention.close());

const DAY_MS = 86_400_000;
const ask = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  asOwner(
    retention.databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Record<string, unknown>>(text, values)).rows,
  );
const store = (days: number): Promise<{ id: string; receivedAt: number }> =>
  asOwner(retention.databases.adminDatabaseUrl, async (sql) => {
    await sql.query(
      "select ensure_event_partition(t, now() - make_interval(days => $1)) from unnest($2::text[]) t",
      [
        days,
        ["github_events", "slack_events", "linear_events", "deployment_events", "event_processing_logs"],
      ],
    );
    return storeEvent(sql, retention.tenant.organizationId, {
      type: "github.of-no-known-type",
      receivedAt: Date.now() - days * DAY_MS,
    });
  });
const month = (days: number): string =>
  new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 7).replace("-", "_");
const tryAt = (days: number): Promise<unknown> =>
  ask(
    `insert into event_processing_logs
       (organization_id, event_id, event_received_at, replay, attempt, started_at, duration_ms, outcome)
     values ($1, gen_random_uuid(), now(), 0, 1, now() - make_interval(days => $2), 1, 'processed')`,
    [retention.tenant.organizationId, days],
  );

it("removes events past their type's days, the months they leave empty, and tries a month at a time", async () => {
  const waiting = await store(200);
  const old = await store(201);
  const young = await store(3);
  for (const days of [201, 100, 3]) await tryAt(days).catch(() => store(days).then(() => tryAt(days)));
  await ask(
    `insert into analytics_outbox (organization_id, kind, record_ids, record_timestamps, bytes)
     values ($1, 'events', array[$2::uuid], array[now()], 1)`,
    [retention.tenant.organizationId, waiting.id],
  );
  const [{ kept } = { kept: 0 }] = await ask(
    "select count(*)::int as kept from events where received_at > now() - interval '80 days'",
  );

  const planned = await retention.run({ dry_run: true });
  const outcome = await retention.run();

  expect(outcome.removed).toEqual(planned.removed);
  expect(outcome).toMatchObject({ is_done: true, past_rows_left: 0 });
  expect(outcome.removed.filter(({ table }) => table === "events").length).toBe(1);
  const left = (await ask("select id from events")).map(({ id }) => id);
  expect(left).toContain(waiting.id);
  expect(left).toContain(young.id);
  expect(left).not.toContain(old.id);
  expect(left.length).toBe(Number(kept) + 1);
  expect(await ask("select count(*)::int as n from event_processing_logs")).toEqual([{ n: 1 }]);
  const tables = (await ask("select relname from pg_class where relkind = 'r'")).map(
    ({ relname }) => relname,
  );
  expect(tables).not.toContain(`event_processing_logs_${month(100)}`);
  expect(tables).not.toContain(`github_events_${month(201)}`);
  expect(tables).toContain(`events_${month(200)}`);
});

it("removes an organization's tries by its own shorter days", async () => {
  await setPolicy(retention, retention.tenant.organizationId, "event_processing_logs", 5);
  await tryAt(8);
  await retention.run();
  expect(
    await ask(
      "select count(*)::int as n from event_processing_logs where started_at < now() - interval '6 days'",
    ),
  ).toEqual([{ n: 0 }]);
});
