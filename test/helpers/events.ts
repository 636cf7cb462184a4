import { createHash, randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Client } from "pg";
import { readConfig } from "../../functions/events/config.ts";
import { createContext, type EventsContext } from "../../functions/events/context.ts";
import { createHandler } from "../../functions/events/handler.ts";
import { BODY_BYTES_MAX } from "../../functions/events/limits.ts";
import { isText } from "../../shared/event-payload.ts";
import type { SourceKind } from "../../shared/event-source.ts";
import { type Nudge, nudgeMessage, readNudge } from "../../shared/pubsub/nudge.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { serveFunction } from "./serve-function.ts";
import { asOwner, createTenant, type Tenant } from "./tenant.ts";

type Databases = Pick<TestDatabases, "databaseUrl" | "adminDatabaseUrl" | "clickhouseUrl">;

/** Takes what is published, as Pub/Sub's REST interface does, and delivers nothing by itself. */
export interface PublishSink {
  /** `host:port`, for PUBSUB_EMULATOR_HOST. */
  host: string;
  /** What was published so far: the topic and the attributes of each message. */
  published: { topic: string; attributes: Record<string, string>; data: string }[];
  /** The nudges among them. */
  nudges: () => Nudge[];
  /** From now on publishing is refused with 503, or taken again. */
  refuse: (refusing: boolean) => void;
  close: () => Promise<void>;
}

export async function startPublishSink(): Promise<PublishSink> {
  const published: PublishSink["published"] = [];
  let refusing = false;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (refusing) {
        response.writeHead(503).end();
        return;
      }
      const topic = /^\/v1\/(.+):publish$/.exec(request.url ?? "")?.[1] ?? "";
      const { messages } = JSON.parse(Buffer.concat(chunks).toString()) as {
        messages: { attributes?: Record<string, string>; data?: string }[];
      };
      for (const { attributes = {}, data = "" } of messages) published.push({ topic, attributes, data });
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ messageIds: messages.map(() => randomUUID()) }));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    published,
    nudges: () => published.flatMap(({ attributes }) => readNudge(attributes) ?? []),
    refuse(value) {
      refusing = value;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Events {
  url: string;
  context: EventsContext;
  databases: Databases;
  tenant: Tenant;
  sink: PublishSink;
  /** The log lines written so far. */
  logLines: string[];
  /** Pushes a nudge of the event as Pub/Sub does and resolves with the status. */
  push: (key: { id: string; receivedAt: number }, kind?: Nudge["kind"]) => Promise<number>;
  sweep: () => Promise<{ status: number; body: Record<string, unknown> }>;
  /** Sweeps and pushes everything that gets published until there is nothing more. */
  processAll: () => Promise<void>;
  close: () => Promise<void>;
}

/** The environment an events function needs in tests. */
export function eventsEnv(databases: Databases, sink: Pick<PublishSink, "host">): { [name: string]: string } {
  return {
    DATABASE_URL: databases.databaseUrl,
    PUBSUB_EMULATOR_HOST: sink.host,
    NETRA_CALLER_AUTH: "platform",
    NETRA_PRIVATE_TARGETS: "1",
    NETRA_PUBLISH_WAIT_MS: "10000",
  };
}

/** The events function on databases of its own (or those given), with one tenant (or the given) and a Pub/Sub stand-in. */
export async function startEvents(
  options: { databases?: Databases; tenant?: Tenant; env?: Record<string, string> } = {},
): Promise<Events> {
  const own = options.databases === undefined ? await createDatabases() : null;
  const databases = options.databases ?? own;
  if (databases === null) throw new Error("no databases");
  const tenant = options.tenant ?? (await createTenant(databases.adminDatabaseUrl));
  const sink = await startPublishSink();
  const logLines: string[] = [];
  const context = createContext(readConfig({ ...eventsEnv(databases, sink), ...options.env }), (line) =>
    logLines.push(line),
  );
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX);
  const push: Events["push"] = (key, kind = "event") =>
    pushNudge(served.url, { kind, organizationId: tenant.organizationId, ...key });
  const sweep: Events["sweep"] = async () => {
    const response = await fetch(`${served.url}/sweep`, { method: "POST" });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return {
    url: served.url,
    context,
    databases,
    tenant,
    sink,
    logLines,
    push,
    sweep,
    async processAll() {
      for (let rounds = 0; rounds < 100; rounds += 1) {
        await sweep();
        const nudges = sink.nudges();
        sink.published.splice(0);
        if (nudges.length === 0) return;
        await Promise.all(nudges.map((nudge) => pushNudge(served.url, nudge)));
      }
      throw new Error("there was always more to do");
    },
    async close() {
      await served.close();
      await context.close();
      await sink.close();
      await own?.close();
    },
  };
}

/** The wrapped envelope of a push subscription. */
export function pushBody(message: ReturnType<typeof nudgeMessage>): Record<string, unknown> {
  return {
    message: {
      attributes: message.attributes,
      ...(message.data === undefined ? {} : { data: message.data.toString("base64") }),
      messageId: randomUUID(),
      publishTime: new Date().toISOString(),
    },
    subscription: "projects/netra-local/subscriptions/netra-events",
  };
}

export async function pushNudge(url: string, nudge: Nudge): Promise<number> {
  const response = await fetch(`${url}/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(pushBody(nudgeMessage(nudge))),
    signal: AbortSignal.timeout(60_000),
  });
  await response.arrayBuffer();
  return response.status;
}

export interface EventToInsert {
  id?: string;
  receivedAt?: number;
  source: SourceKind;
  eventType: string;
  action?: string | null;
  /** Text, bytes, or a value that is sent as JSON. */
  body: unknown;
  contentType?: string;
  headers?: Record<string, string>;
  deliveryKey?: string;
  providerTime?: number | null;
  /** By default one source of the kind is made for the organization. */
  sourceId?: string;
}

export interface InsertedEvent {
  id: string;
  receivedAt: number;
}

/** Puts pending events into the tables as the webhooks function does, with the owner's rights; nobody is told of them. */
export async function insertEvents(
  adminDatabaseUrl: string,
  organizationId: string,
  events: readonly EventToInsert[],
): Promise<InsertedEvent[]> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const inserted: InsertedEvent[] = [];
    const months = new Set<string>();
    const sources = new Map<string, string>();
    for (const event of events) {
      const sourceId = event.sourceId ?? (await ensureSource(sql, organizationId, event.source, sources));
      inserted.push(await insertOne(sql, organizationId, sourceId, event, months));
    }
    return inserted;
  });
}

export async function insertEvent(
  adminDatabaseUrl: string,
  organizationId: string,
  event: EventToInsert,
): Promise<InsertedEvent> {
  const [inserted] = await insertEvents(adminDatabaseUrl, organizationId, [event]);
  if (inserted === undefined) throw new Error("nothing was inserted");
  return inserted;
}

async function ensureSource(
  sql: Client,
  organizationId: string,
  kind: SourceKind,
  known: Map<string, string>,
): Promise<string> {
  const found = known.get(kind);
  if (found !== undefined) return found;
  const text = `insert into event_sources (organization_id, kind, endpoint_id, name) values ($1, $2, $3, $4)
    on conflict (organization_id, name) do update set kind = excluded.kind returning id`;
  const endpointId = randomBytes(18).toString("base64url");
  const { rows } = await sql.query<{ id: string }>(text, [organizationId, kind, endpointId, `test ${kind}`]);
  const id = rows[0]?.id ?? "";
  known.set(kind, id);
  return id;
}

async function insertOne(
  sql: Client,
  organizationId: string,
  sourceId: string,
  event: EventToInsert,
  months: Set<string>,
): Promise<InsertedEvent> {
  const id = event.id ?? randomUUID();
  const receivedAt = event.receivedAt ?? Date.now();
  const month = new Date(receivedAt).toISOString().slice(0, 7);
  if (!months.has(month)) {
    await sql.query("select ensure_event_partition('events', $1)", [new Date(receivedAt)]);
    months.add(month);
  }
  const body = bytesOf(event.body);
  const deliveryKey = event.deliveryKey ?? randomUUID();
  await sql.query(
    `insert into events (organization_id, id, received_at, source_id, source, event_type, action, delivery_key, body,
       body_sha256, is_text, content_type, headers, provider_time, status, next_attempt_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'pending', now())`,
    [
      organizationId,
      id,
      new Date(receivedAt),
      sourceId,
      event.source,
      event.eventType,
      event.action ?? null,
      deliveryKey,
      body,
      createHash("sha256").update(body).digest(),
      isText(body),
      event.contentType ?? "application/json",
      JSON.stringify(event.headers ?? {}),
      event.providerTime === undefined || event.providerTime === null ? null : new Date(event.providerTime),
    ],
  );
  await sql.query(
    `insert into event_keys (source_id, delivery_key, organization_id, event_id, received_at)
     values ($1, $2, $3, $4, $5)`,
    [sourceId, deliveryKey, organizationId, id, new Date(receivedAt)],
  );
  return { id, receivedAt };
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

export interface StoredEvent {
  id: string;
  status: string;
  attempts: number;
  replays: number;
  next_attempt_at: Date | null;
  processed_at: Date | null;
  provider_time: Date | null;
  error_class: string | null;
  error_message: string | null;
  payload: unknown;
  repository: string | null;
  actor: string | null;
  is_known_type: boolean | null;
}

/** The events as they are stored, in the order of their ids. */
export async function listEvents(adminDatabaseUrl: string): Promise<StoredEvent[]> {
  const text = `select id, status, attempts, replays, next_attempt_at, processed_at, provider_time, error_class,
    error_message, payload, repository, actor, is_known_type from events order by id`;
  return asOwner(adminDatabaseUrl, async (sql) => (await sql.query<StoredEvent>(text)).rows);
}
