import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../../../shared/log.ts";
import {
  countReplayable,
  replayDeliveries,
  replayDelivery,
} from "../../../../shared/postgres/event-delivery-admin.ts";
import { type DeliveryKey, insertDeliveries } from "../../../../shared/postgres/event-deliveries.ts";
import { disableSubscription, enableSubscription } from "../../../../shared/postgres/event-subscriptions.ts";
import { createPool, withOrganization, withSystemRole } from "../../../../shared/postgres/pool.ts";
import { PublishError } from "../../../../shared/pubsub/publisher.ts";
import { type StoredEvent, storeEvent } from "../../../helpers/deliveries.ts";
import { type DeliveryScene, startDeliveryScene } from "../../../helpers/deliverer.ts";
import { type Receiver, startReceiver } from "../../../helpers/receiver.ts";
import { until } from "../../../helpers/stored.ts";
import { createTenant } from "../../../helpers/tenant.ts";

/** What this file guards: each subscriber is sent each event once in effect, whatever fails, dies or happens at once. */
let scene: DeliveryScene;
let receiver: Receiver;
beforeAll(async () => {
  scene = await startDeliveryScene();
});
afterAll(() => scene.close());
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await receiver.close();
  await scene.owner.query("delete from event_deliveries");
  await scene.owner.query("delete from event_subscriptions");
});

async function statuses(): Promise<string[]> {
  const text = "select status from event_deliveries order by status";
  return (await scene.owner.query<{ status: string }>(text)).rows.map(({ status }) => status);
}

/** The one delivery of a new event to a new subscription to the receiver. */
async function prepare(): Promise<{ key: DeliveryKey; id: string }> {
  const { id } = await scene.subscribe({ target: receiver.url });
  const [key] = await scene.route();
  if (key === undefined) throw new Error("the event was not routed");
  return { key, id };
}

async function sweep(): Promise<DeliveryKey[]> {
  return withSystemRole(scene.pool, async (sql) => {
    const text = "select organization_id, id, event_received_at from process_pending_deliveries(100)";
    const { rows } = await sql.query<{ organization_id: string; id: string; event_received_at: Date }>(text);
    return rows.map((row) => ({
      organizationId: row.organization_id,
      id: row.id,
      receivedAt: row.event_received_at.getTime(),
    }));
  });
}

const failingFor = (interval: string): Promise<unknown> =>
  scene.owner.query("update event_subscriptions set first_failure_at = now() - $1::interval", [interval]);

async function failOnce(key: DeliveryKey): Promise<void> {
  receiver.answerWith((response) => response.writeHead(500).end());
  await scene.createDeliverer().deliver(key);
}

/** What a held answer waits for. */
function createGate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe("routing", () => {
  it("makes one delivery for each matching subscription, however often it is done", async () => {
    const wanted = [await scene.subscribe({}), await scene.subscribe({ eventTypes: ["github.*"] })];
    await scene.subscribe({ eventTypes: ["slack.*"] });
    const event = await storeEvent(scene.owner, scene.organizationId);

    const runs = await Promise.all([1, 2, 3].map(() => scene.routeAgain(event)));

    expect(runs.flat()).toHaveLength(2);
    const { rows } = await scene.owner.query("select subscription_id from event_deliveries");
    expect(rows.map((row: { subscription_id: string }) => row.subscription_id).sort()).toEqual(
      wanted.map(({ id }) => id).sort(),
    );
    expect(await scene.routeAgain(event)).toEqual([]);
  });

  it("makes new ones, under new ids, when the event was replayed", async () => {
    await scene.subscribe({});
    const event = await storeEvent(scene.owner, scene.organizationId);
    const first = await scene.routeAgain(event);
    await scene.owner.query("update events set replays = 1 where id = $1", [event.id]);
    const second = await scene.routeAgain(event);

    expect(second).toHaveLength(1);
    expect(second[0]?.id).not.toBe(first[0]?.id);
    expect((await scene.readDelivery(second[0]!)).generation).toBe(1);
  });

  it("takes many events at once", async () => {
    await scene.subscribe({});
    await scene.subscribe({});
    const events: StoredEvent[] = [];
    for (let count = 0; count < 30; count += 1) {
      events.push(await storeEvent(scene.owner, scene.organizationId, { receivedAt: Date.now() + count }));
    }
    const made = await withOrganization(scene.pool, scene.organizationId, (sql) =>
      insertDeliveries(sql, scene.organizationId, events),
    );
    expect(made).toHaveLength(60);
    expect(new Set(made.map(({ receivedAt }) => receivedAt))).toEqual(
      new Set(events.map(({ receivedAt }) => receivedAt)),
    );
    const none = await withOrganization(scene.pool, scene.organizationId, (sql) =>
      insertDeliveries(sql, scene.organizationId, []),
    );
    expect(none).toEqual([]);
  });

  it("never crosses organizations", async () => {
    const other = await createTenant(scene.databases.adminDatabaseUrl);
    await scene.subscribe({});
    const event = await storeEvent(scene.owner, other.organizationId);
    for (const organizationId of [other.organizationId, scene.organizationId]) {
      const made = await withOrganization(scene.pool, organizationId, (sql) =>
        insertDeliveries(sql, organizationId, [event]),
      );
      expect(made).toEqual([]);
    }
  });

  it("keeps what comes for a disabled subscription as cancelled, for a replay", async () => {
    const { id } = await scene.subscribe({ target: receiver.url });
    await disableSubscription(scene.owner, scene.organizationId, id, "by hand");
    expect(await scene.route()).toEqual([]);
    expect(await statuses()).toEqual(["cancelled"]);

    await enableSubscription(scene.owner, scene.organizationId, id);
    const range = { subscriptionId: id, since: null, until: null };
    expect(await replayDeliveries(scene.owner, scene.organizationId, range)).toBe(1);
    for (const key of await sweep()) await scene.createDeliverer().deliver(key);
    expect(await statuses()).toEqual(["delivered"]);
    expect(receiver.requests).toHaveLength(1);
  });
});

describe("one delivery", () => {
  it("is sent once when many workers are told of it at once", async () => {
    const { key } = await prepare();
    const workers = [scene.createDeliverer(), scene.createDeliverer()];

    await Promise.all(Array.from({ length: 20 }, (_, index) => workers[index % 2]!.deliver(key)));

    expect(receiver.requests).toHaveLength(1);
    expect(await scene.readDelivery(key)).toMatchObject({ status: "delivered", attempts: 1 });
  });

  it("is not sent before its time, and not after it was delivered", async () => {
    const { key } = await prepare();
    receiver.answerWith((response) => response.writeHead(500).end());
    const deliverer = scene.createDeliverer();
    await deliverer.deliver(key);
    await deliverer.deliver(key);
    expect(receiver.requests).toHaveLength(1);

    receiver.answerWith((response) => response.writeHead(200).end());
    await scene.passTime(key);
    await deliverer.deliver(key);
    await deliverer.deliver(key);
    expect(receiver.requests).toHaveLength(2);
    expect(await scene.readDelivery(key)).toMatchObject({ status: "delivered", attempts: 2 });
  });

  it("is tried ten times and is a dead letter then", async () => {
    const { key } = await prepare();
    receiver.answerWith((response) => response.writeHead(500).end());
    const deliverer = scene.createDeliverer();
    for (let attempt = 0; attempt < 12; attempt += 1) {
      await deliverer.deliver(key);
      const { status } = await scene.readDelivery(key);
      if (status === "failed") await scene.passTime(key);
    }
    expect(receiver.requests).toHaveLength(10);
    expect(await scene.readDelivery(key)).toMatchObject({
      status: "dead_letter",
      attempts: 10,
      next_attempt_at: null,
    });
  });

  it.each([
    ["subscription", "delete from event_subscriptions"],
    ["event", "delete from events"],
  ])("whose %s was removed is cancelled, not tried for ever", async (_what, removal) => {
    const { key } = await prepare();
    await scene.owner.query(removal);
    await scene.createDeliverer().deliver(key);

    expect(receiver.requests).toEqual([]);
    expect(await scene.readDelivery(key)).toMatchObject({
      status: "cancelled",
      attempts: 0,
      last_error: expect.stringMatching(/^removed: /),
    });
  });

  it("of another organization is not found", async () => {
    const { key } = await prepare();
    const other = await createTenant(scene.databases.adminDatabaseUrl);
    await scene.createDeliverer().deliver({ ...key, organizationId: other.organizationId });

    expect(receiver.requests).toEqual([]);
    expect((await scene.readDelivery(key)).status).toBe("pending");
  });

  it("whose worker was late does not undo what a later one recorded", async () => {
    const { key } = await prepare();
    const gate = createGate();
    receiver.answerWith((response) => void gate.opened.then(() => response.writeHead(500).end()));
    const late = scene.createDeliverer().deliver(key);
    await until(() => receiver.requests.length === 1);

    receiver.answerWith((response) => response.writeHead(200).end());
    await scene.passTime(key);
    await scene.createDeliverer().deliver(key);
    gate.open();
    await late;

    expect(await scene.readDelivery(key)).toMatchObject({
      status: "delivered",
      attempts: 2,
      last_status: 200,
    });
  });

  it("rejects when our own database fails, and stays as it was", async () => {
    const { key } = await prepare();
    const pool = createPool({
      databaseUrl: "postgres://nobody:x@127.0.0.1:1/none",
      connectionsMax: 1,
      applicationName: "test",
      log: createLog("test", () => undefined),
    });
    await expect(scene.createDeliverer({ pool }).deliver(key)).rejects.toThrow(/ECONNREFUSED/);
    await pool.end();
    expect((await scene.readDelivery(key)).status).toBe("pending");
  });

  it("of a killed process is sent again under its id after the lease, and recorded once", async () => {
    const { key } = await prepare();
    receiver.answerWith(() => undefined);
    const child = spawn(process.execPath, [fileURLToPath(new URL("delivery-process.ts", import.meta.url))], {
      env: {
        ...process.env,
        ...scene.env,
        DATABASE_URL: scene.databases.databaseUrl,
        DELIVERY: JSON.stringify(key),
      },
      stdio: "ignore",
    });
    const exited = once(child, "exit");
    await until(() => receiver.requests.length === 1);
    child.kill("SIGKILL");
    await exited;
    receiver.answerWith((response) => response.writeHead(200).end());
    const deliverer = scene.createDeliverer();

    await deliverer.deliver(key);
    expect(receiver.requests).toHaveLength(1);
    expect(await scene.readDelivery(key)).toMatchObject({ status: "delivering", attempts: 1 });
    expect((await scene.readDelivery(key)).wait_seconds).toBeGreaterThan(100);

    await scene.passTime(key);
    const [swept, ...others] = await sweep();
    expect(others).toEqual([]);
    await Promise.all([deliverer.deliver(swept!), scene.createDeliverer().deliver(swept!)]);
    expect(receiver.requests).toHaveLength(2);
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([key.id]));
    expect(await scene.readDelivery(key)).toMatchObject({ status: "delivered", attempts: 2 });
    expect(await statuses()).toEqual(["delivered"]);
  });
});

describe("a subscription that fails", () => {
  it("for five days is switched off, and what waits for it is cancelled with the reason", async () => {
    const { key, id } = await prepare();
    const [waiting] = await scene.route();
    await scene.owner.query("update event_deliveries set attempts = 6 where id = $1", [key.id]);
    await failingFor("5 days 1 minute");

    await failOnce(key);

    expect(await scene.readSubscription(id)).toMatchObject({
      is_active: false,
      disabled_reason: "failing for five days",
    });
    expect(await scene.readDelivery(waiting!)).toMatchObject({
      status: "cancelled",
      last_error: "disabled: failing for five days",
      next_attempt_at: null,
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it("for less is left on, and its first failure is not moved", async () => {
    const { key, id } = await prepare();
    await failingFor("4 days 23 hours");
    const before = await scene.readSubscription(id);
    await scene.owner.query("update event_deliveries set attempts = 6");

    await failOnce(key);

    const after = await scene.readSubscription(id);
    expect(after.is_active).toBe(true);
    expect(after.first_failure_at).toEqual(before.first_failure_at);
  });

  it("counts anew after a time in which nothing was tried: two failures weeks apart are not five days", async () => {
    const { key, id } = await prepare();
    await failingFor("30 days");

    await failOnce(key);

    const { is_active: active, first_failure_at: since } = await scene.readSubscription(id);
    expect(active).toBe(true);
    expect(Date.now() - (since?.getTime() ?? 0)).toBeLessThan(3_600_000);
  });

  it("is switched off by new events too, when others failed lately", async () => {
    const { key, id } = await prepare();
    const [other] = await scene.route();
    await failOnce(other!);
    await failingFor("6 days");

    await failOnce(key);

    expect((await scene.readSubscription(id)).is_active).toBe(false);
  });

  it("is not written at every failure or success", async () => {
    const { key, id } = await prepare();
    const version = async (): Promise<unknown> =>
      (await scene.owner.query("select xmin::text from event_subscriptions where id = $1", [id])).rows;
    await failOnce(key);
    const failing = await version();
    for (const next of [...(await scene.route()), ...(await scene.route())]) await failOnce(next);
    expect(await version()).toEqual(failing);

    receiver.answerWith((response) => response.writeHead(200).end());
    const keys = [...(await scene.route()), ...(await scene.route()), ...(await scene.route())];
    await scene.createDeliverer().deliver(keys[0]!);
    const well = await version();
    expect(well).not.toEqual(failing);
    for (const next of keys.slice(1)) await scene.createDeliverer().deliver(next);
    expect(await version()).toEqual(well);
  });

  it("that was disabled has its deliveries cancelled when their turn comes, and replayed they are sent", async () => {
    const { key, id } = await prepare();
    await disableSubscription(scene.owner, scene.organizationId, id, "by hand");
    await scene.createDeliverer().deliver(key);
    expect(receiver.requests).toEqual([]);
    expect(await scene.readDelivery(key)).toMatchObject({
      status: "cancelled",
      attempts: 0,
      last_error: "disabled: by hand",
    });

    await enableSubscription(scene.owner, scene.organizationId, id);
    expect(await replayDelivery(scene.owner, scene.organizationId, key.id)).toBe(true);
    const swept = await sweep();
    expect(swept.map(({ id: one }) => one)).toEqual([key.id]);
    await scene.createDeliverer().deliver(swept[0]!);
    expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([key.id]);
    expect((await scene.readDelivery(key)).status).toBe("delivered");
  });
});

describe("a replay", () => {
  it("takes what failed, is dead or was cancelled, in its range, and leaves the rest", async () => {
    const { id } = await scene.subscribe({});
    const { id: otherId } = await scene.subscribe({});
    const day = Date.parse("2026-11-10T00:00:00Z");
    const kinds = ["pending", "delivering", "delivered", "failed", "dead_letter", "cancelled"];
    for (const [index, status] of kinds.entries()) {
      const keys = await scene.route({ receivedAt: day + index * 1_000 });
      const due = index < 2 || index === 3;
      await scene.owner.query(
        `update event_deliveries set status = $2, attempts = 3, next_attempt_at = case when $3 then now() + interval '1 hour' end
         where id = any ($1)`,
        [keys.map((key) => key.id), status, due],
      );
    }
    const range = { subscriptionId: id, since: null, until: null };
    const count = (more: object): Promise<number> =>
      countReplayable(scene.owner, scene.organizationId, { ...range, ...more });

    expect(await count({})).toBe(3);
    expect(await count({ since: new Date(day + 4_000) })).toBe(2);
    expect(await count({ since: new Date(day + 4_000), until: new Date(day + 5_000) })).toBe(1);
    expect(await count({ until: new Date(day) })).toBe(0);
    expect(await sweep()).toEqual([]);

    expect(await replayDeliveries(scene.owner, scene.organizationId, range)).toBe(3);
    expect(await sweep()).toHaveLength(3);
    const { rows } = await scene.owner.query(
      "select status, attempts from event_deliveries where subscription_id = $1 and status = 'pending' order by attempts",
      [id],
    );
    expect(rows.map((row: { attempts: number }) => row.attempts)).toEqual([0, 0, 0, 3]);
    expect(await count({ subscriptionId: otherId })).toBe(3);
  });

  it("does not take what is under way", async () => {
    const { key } = await prepare();
    await scene.owner.query("update event_deliveries set status = 'delivering'");
    expect(await replayDelivery(scene.owner, scene.organizationId, key.id)).toBe(false);
  });
});

describe("a topic", () => {
  const topic = "projects/my-project/topics/events";

  it("gets the same JSON with the type and ids as attributes, and no signature", async () => {
    await scene.subscribe({ targetKind: "pubsub", target: topic, secrets: [] });
    const event = await storeEvent(scene.owner, scene.organizationId, { payload: { a: 1 } });
    const [key] = await scene.routeAgain(event);
    scene.published.length = 0;

    await scene.createDeliverer().deliver(key!);

    expect(scene.published).toHaveLength(1);
    const [{ topic: to, message }] = scene.published as [(typeof scene.published)[number]];
    expect(to).toBe(topic);
    expect(message.attributes).toEqual({
      type: "github.pull_request.opened",
      event_id: event.id,
      delivery_id: key!.id,
    });
    expect(JSON.parse(message.data?.toString() ?? "")).toMatchObject({
      type: "github.pull_request.opened",
      timestamp: new Date(event.receivedAt).toISOString(),
      data: { event_id: event.id, payload: { a: 1 } },
    });
    expect(await scene.readDelivery(key!)).toMatchObject({ status: "delivered", last_status: null });
  });

  it.each([
    ["of Netra's own", [topic], topic],
    ["that is none", [], "projects/my-project/topics/../../x"],
  ])("%s is not published to", async (_what, ownTopics, target) => {
    await scene.subscribe({ targetKind: "pubsub", target, secrets: [] });
    const [key] = await scene.route();
    scene.published.length = 0;

    await scene.createDeliverer({ ownTopics }).deliver(key!);

    expect(scene.published).toEqual([]);
    expect(await scene.readDelivery(key!)).toMatchObject({
      status: "failed",
      last_error: expect.stringMatching(/^blocked_topic: /),
    });
  });

  it.each([
    [403, "pubsub: Pub/Sub answered 403"],
    [null, "pubsub: no answer"],
  ])("that answers %s is tried again", async (status, error) => {
    await scene.subscribe({ targetKind: "pubsub", target: topic, secrets: [] });
    const [key] = await scene.route();
    const publisher = { publish: () => Promise.reject(new PublishError(status)) };

    await scene.createDeliverer({ publisher }).deliver(key!);

    expect(await scene.readDelivery(key!)).toMatchObject({
      status: "failed",
      last_status: status,
      last_error: error,
    });
  });
});

describe("stopping", () => {
  it("waits for what is under way and takes nothing new", async () => {
    const { key } = await prepare();
    const [other] = await scene.route();
    const gate = createGate();
    receiver.answerWith((response) => void gate.opened.then(() => response.writeHead(200).end()));
    const deliverer = scene.createDeliverer();
    const sending = deliverer.deliver(key);
    await until(() => receiver.requests.length === 1);

    let closed = false;
    const closing = deliverer.close().then(() => (closed = true));
    await deliverer.deliver(other!);
    expect(receiver.requests).toHaveLength(1);
    expect(closed).toBe(false);
    gate.open();
    await Promise.all([sending, closing]);

    expect((await scene.readDelivery(key)).status).toBe("delivered");
    expect((await scene.readDelivery(other!)).status).toBe("pending");
  });

  it("sends no more than eight at once to one subscriber", async () => {
    await scene.subscribe({ target: receiver.url });
    const keys: DeliveryKey[] = [];
    for (let count = 0; count < 20; count += 1) keys.push(...(await scene.route()));
    const held: (() => void)[] = [];
    receiver.answerWith((response) => held.push(() => void response.writeHead(200).end()));
    const deliverer = scene.createDeliverer();
    const all = Promise.all(keys.map((key) => deliverer.deliver(key)));
    await until(() => held.length === 8);
    const claimed = (await statuses()).filter((status) => status === "delivering");
    expect(claimed).toHaveLength(8);
    for (let answered = 0; answered < 20; answered += 1) {
      await until(() => held.length > answered);
      expect(held.length - answered).toBeLessThanOrEqual(8);
      held[answered]!();
    }
    await all;

    expect(receiver.requests).toHaveLength(20);
    expect(new Set(await statuses())).toEqual(new Set(["delivered"]));
  });
});
