import { randomBytes } from "node:crypto";
import { Client } from "pg";
import {
  createDeliverer,
  type Deliverer,
  type DelivererOptions,
} from "../../functions/events/deliver/deliverer.ts";
import { createLog } from "../../shared/log.ts";
import { type DeliveryKey, insertDeliveries } from "../../shared/postgres/event-deliveries.ts";
import type { EventSubscription, NewSubscription } from "../../shared/postgres/event-subscriptions.ts";
import { createPool, type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import type { Message } from "../../shared/pubsub/publisher.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { type EventParts, type StoredEvent, storeEvent, storeSubscription } from "./deliveries.ts";
import { createTenant } from "./tenant.ts";

export function makeSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

interface DeliveryRow {
  status: string;
  attempts: number;
  generation: number;
  next_attempt_at: Date | null;
  last_attempt_at: Date | null;
  last_status: number | null;
  last_error: string | null;
  /** Between the end of the last attempt and the next one, as far as the rows say. */
  wait_seconds: number | null;
}

export interface DeliveryScene {
  databases: TestDatabases;
  owner: Client;
  pool: Pool;
  organizationId: string;
  /** Secrets as `env:NAME` references read them. */
  env: Record<string, string>;
  published: { topic: string; message: Message }[];
  logText: () => string;
  createDeliverer: (options?: Partial<DelivererOptions>) => Deliverer;
  /** A subscription signed with a new secret. */
  subscribe: (parts: Partial<NewSubscription>) => Promise<EventSubscription>;
  /** A new event, routed: its deliveries. */
  route: (parts?: EventParts) => Promise<DeliveryKey[]>;
  routeAgain: (event: StoredEvent) => Promise<DeliveryKey[]>;
  readDelivery: (key: DeliveryKey) => Promise<DeliveryRow>;
  readSubscription: (id: string) => Promise<EventSubscription>;
  /** Makes its next attempt due, as the time between would. */
  passTime: (key: DeliveryKey) => Promise<void>;
  close: () => Promise<void>;
}

/** A database with one tenant, for tests of what is sent to subscribers. */
export async function startDeliveryScene(): Promise<DeliveryScene> {
  const databases = await createDatabases();
  const { organizationId } = await createTenant(databases.adminDatabaseUrl);
  const owner = new Client({ connectionString: databases.adminDatabaseUrl });
  await owner.connect();
  let logText = "";
  const log = createLog("test", (text) => (logText += text));
  const pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 8,
    applicationName: "test",
    log,
  });
  const env: Record<string, string> = {};
  const published: DeliveryScene["published"] = [];
  const deliverers: Deliverer[] = [];
  const routeAgain = async ({ id, receivedAt }: StoredEvent): Promise<DeliveryKey[]> => {
    const made = await withOrganization(pool, organizationId, (sql) =>
      insertDeliveries(sql, organizationId, [{ id, receivedAt }]),
    );
    return made.map((one) => ({ organizationId, ...one }));
  };
  return {
    databases,
    owner,
    pool,
    organizationId,
    env,
    published,
    logText: () => logText,
    createDeliverer(options = {}) {
      const deliverer = createDeliverer({
        pool,
        publisher: {
          publish(topic, messages) {
            published.push(...messages.map((message) => ({ topic, message })));
            return Promise.resolve();
          },
        },
        secrets: createSecretSource({ env, directory: undefined, log, now: Date.now }),
        privateTargets: true,
        ownTopics: [],
        log,
        now: Date.now,
        random: () => 0.5,
        ...options,
      });
      deliverers.push(deliverer);
      return deliverer;
    },
    subscribe(parts) {
      const name = `SECRET_${randomBytes(6).toString("hex")}`;
      env[name] = makeSecret();
      const secrets = [{ reference: `env:${name}`, not_after: null }];
      return storeSubscription(owner, organizationId, { secrets, ...parts });
    },
    route: async (parts) => routeAgain(await storeEvent(owner, organizationId, parts)),
    routeAgain,
    async readDelivery({ id }) {
      const text = `select status, attempts, generation, next_attempt_at, last_attempt_at, last_status, last_error,
        extract(epoch from next_attempt_at - last_attempt_at)::double precision as wait_seconds
        from event_deliveries where id = $1`;
      const { rows } = await owner.query<DeliveryRow>(text, [id]);
      if (rows[0] === undefined) throw new Error("there is no such delivery");
      return rows[0];
    },
    async readSubscription(id) {
      const { rows } = await owner.query<EventSubscription>(
        "select * from event_subscriptions where id = $1",
        [id],
      );
      if (rows[0] === undefined) throw new Error("there is no such subscription");
      return rows[0];
    },
    async passTime({ id }) {
      await owner.query("update event_deliveries set next_attempt_at = now() where id = $1", [id]);
    },
    async close() {
      await Promise.all(deliverers.map((deliverer) => deliverer.close()));
      await pool.end();
      await owner.end();
      await databases.close();
    },
  };
}
