import { expect, it, onTestFinished, vi } from "vitest";
import { createSlots } from "../../functions/events/deliver/slots.ts";
import { startDeliveryScene } from "../helpers/deliverer.ts";
import { storeEvent, storeSubscription } from "../helpers/deliveries.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { createTenant } from "../helpers/tenant.ts";
import { insertDeliveries } from "../../shared/postgres/event-deliveries.ts";
import { withOrganization } from "../../shared/postgres/pool.ts";

/** What this file guards: one tenant's slow receivers take neither all places nor the whole queue from the others. */
const BOUNDS = { atOnceMax: 4, perGroupMax: 3, perKeyMax: 2, waitingMax: 100, waitingPerGroupMax: 5 };

it("a group gets its part of the places and of the queue, over all its keys", async () => {
  const slots = createSlots(BOUNDS);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let running = 0;
  const crowd = Array.from({ length: 40 }, (_, at) =>
    slots.run({ group: "crowd", key: `key ${at % 10}` }, 60_000, async () => {
      running += 1;
      await held;
    }),
  );
  await new Promise((resolve) => setImmediate(resolve));
  expect(running).toBe(3);
  let ran = false;
  const other = await slots.run({ group: "other", key: "key 0" }, 0, async () => void (ran = true));

  expect([other, ran]).toEqual([true, true]);
  release();
  expect((await Promise.all(crowd)).filter(Boolean)).toHaveLength(3 + 5);
});

it("groups take turns for free places, whoever waits with more", async () => {
  const slots = createSlots({ ...BOUNDS, atOnceMax: 1, perGroupMax: 1, perKeyMax: 1 });
  const order: string[] = [];
  const enter = (group: string, key: string): Promise<boolean> =>
    slots.run({ group, key }, 60_000, async () => {
      order.push(group);
      await new Promise((resolve) => setImmediate(resolve));
    });
  const all = [1, 2, 3, 4, 5].map((at) => enter("a", `key ${at}`));
  all.push(enter("b", "one"), enter("c", "one"), enter("b", "two"));
  await Promise.all(all);

  expect(order).toEqual(["a", "a", "b", "c", "a", "b", "a", "a"]);
});

it("a tenant is served while all receivers of another one hang", async () => {
  const scene = await startDeliveryScene();
  const hanging = await startReceiver();
  const quick = await startReceiver();
  onTestFinished(async () => {
    await hanging.close();
    await scene.close();
    await quick.close();
  });
  hanging.answerWith(() => {});
  const { organizationId: other } = await createTenant(scene.databases.adminDatabaseUrl);
  for (let at = 0; at < 5; at += 1) await scene.subscribe({ eventTypes: ["*"], target: hanging.url });
  const crowd = [];
  for (let at = 0; at < 60; at += 1) crowd.push(...(await scene.route()));
  const name = "OTHER_SECRET";
  scene.env[name] = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  await storeSubscription(scene.owner, other, {
    target: quick.url,
    secrets: [{ reference: `env:${name}`, not_after: null }],
  });
  const event = await storeEvent(scene.owner, other);
  const [made] = await withOrganization(scene.pool, other, (sql) => insertDeliveries(sql, other, [event]));
  if (made === undefined) throw new Error("there is no delivery");

  const deliverer = scene.createDeliverer({ timeoutMs: 60_000 });
  const crowded = Promise.allSettled(crowd.map((key) => deliverer.deliver(key)));
  await vi.waitFor(() => expect(hanging.requests).toHaveLength(16), { timeout: 30_000 });
  await deliverer.deliver({ organizationId: other, ...made });

  expect(quick.requests).toHaveLength(1);
  expect(hanging.requests).toHaveLength(16);
  // Ends what hangs; what waited gets its turn and is refused.
  hanging.answerWith((response) => response.writeHead(503).end());
  await hanging.close();
  await crowded;
});
