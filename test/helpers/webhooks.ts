import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdmission } from "../../functions/webhooks/admission.ts";
import { readConfig } from "../../functions/webhooks/config.ts";
import { createContext, type WebhooksContext } from "../../functions/webhooks/context.ts";
import { createHandler } from "../../functions/webhooks/handler.ts";
import { BODY_BYTES_MAX, LARGE_BODY_MS } from "../../functions/webhooks/limits.ts";
import type { SourceKind } from "../../shared/event-source.ts";
import { insertEventSource, insertSourceSecret } from "../../shared/postgres/event-sources.ts";
import { type Nudge, readNudge } from "../../shared/pubsub/nudge.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { serveFunction } from "./serve-function.ts";
import { asOwner, createTenant, type Tenant } from "./tenant.ts";

type Databases = Pick<TestDatabases, "databaseUrl" | "adminDatabaseUrl">;

export interface TestSource {
  id: string;
  endpointId: string;
  kind: SourceKind;
  /** The address to send to. */
  url: string;
  /** The secrets' names in the environment, in the order they were given. */
  secretNames: string[];
}

export interface SourceOptions {
  kind: SourceKind;
  /** The secrets themselves; each is put into the environment under a name of its own. */
  secrets: readonly string[];
  config?: Readonly<Record<string, unknown>>;
  tenant?: Tenant;
}

export interface Webhooks {
  url: string;
  context: WebhooksContext;
  databases: Databases;
  tenant: Tenant;
  /** The log lines written so far. */
  logLines: string[];
  /** What the function's own Pub/Sub took; stays empty where another was given by PUBSUB_EMULATOR_HOST. */
  nudges: Nudge[];
  /** The environment its `env:` secrets are read from; may be changed. */
  env: Record<string, string>;
  createSource: (options: SourceOptions) => Promise<TestSource>;
  close: () => Promise<void>;
}

/** The webhooks function on databases of its own (or those given), with one tenant and a Pub/Sub that takes everything. */
export async function startWebhooks(
  options: {
    databases?: Databases;
    env?: Record<string, string>;
    tenant?: Tenant;
    now?: () => number;
    largeBodyMs?: number;
  } = {},
): Promise<Webhooks> {
  const own = options.databases === undefined ? await createDatabases() : null;
  const databases = options.databases ?? own;
  if (databases === null) throw new Error("no databases");
  const tenant = options.tenant ?? (await createTenant(databases.adminDatabaseUrl));
  const pubsub = await startPubSubStub();
  const logLines: string[] = [];
  const env: Record<string, string> = {
    DATABASE_URL: databases.databaseUrl,
    PUBSUB_EMULATOR_HOST: pubsub.host,
    NETRA_REQUESTS_PER_SECOND: "100000",
    ...options.env,
  };
  const context = createContext(readConfig(env), (line) => logLines.push(line), options.now);
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX, {
    admit: createAdmission(context),
    largeBodyMs: options.largeBodyMs ?? LARGE_BODY_MS,
  });
  return {
    url: served.url,
    context,
    databases,
    tenant,
    logLines,
    nudges: pubsub.nudges,
    env,
    createSource: (source) =>
      createSource({ adminDatabaseUrl: databases.adminDatabaseUrl, url: served.url, env, tenant }, source),
    async close() {
      await served.close();
      await context.close();
      await pubsub.close();
      await own?.close();
    },
  };
}

/** Makes a source with the owner's rights; its secrets go into `env`. */
export async function createSource(
  place: { adminDatabaseUrl: string; url: string; env: Record<string, string>; tenant: Tenant },
  { kind, secrets, config = {}, tenant = place.tenant }: SourceOptions,
): Promise<TestSource> {
  const { organizationId } = tenant;
  const endpointId = randomBytes(18).toString("base64url");
  const secretNames = secrets.map(() => `TEST_SECRET_${randomUUID().replaceAll("-", "_")}`);
  const id = await asOwner(place.adminDatabaseUrl, async (sql) => {
    const name = `${kind} ${endpointId}`;
    const sourceId = await insertEventSource(sql, { organizationId, kind, endpointId, name, config });
    for (const [index, secretName] of secretNames.entries()) {
      place.env[secretName] = secrets[index] ?? "";
      await insertSourceSecret(sql, organizationId, sourceId, `env:${secretName}`);
    }
    return sourceId;
  });
  return { id, endpointId, kind, url: `${place.url}/${kind}/${endpointId}`, secretNames };
}

export interface PubSubStub {
  /** `host:port` */
  host: string;
  nudges: Nudge[];
  /** How many publish requests came. */
  requests: () => number;
  close: () => Promise<void>;
}

/** The publishing side of Pub/Sub: takes every message, or answers with `status`, or not at all with null. */
export async function startPubSubStub(status: number | null = 200): Promise<PubSubStub> {
  const nudges: Nudge[] = [];
  let requests = 0;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests += 1;
      if (status === null) return;
      const { messages } = JSON.parse(Buffer.concat(chunks).toString()) as {
        messages: { attributes: Record<string, string> }[];
      };
      if (status === 200) {
        for (const { attributes } of messages) {
          const nudge = readNudge(attributes);
          if (nudge !== null) nudges.push(nudge);
        }
      }
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ messageIds: messages.map(() => randomUUID()) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    nudges,
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Delivered {
  status: number;
  headers: Headers;
  text: string;
  /** The answer as JSON; empty where it is none. */
  body: { event?: string; outcome?: string; detail?: string };
}

/** Sends a body with headers as they are. */
export async function deliver(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>>,
): Promise<Delivered> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const response = await fetch(url, {
    method: "POST",
    headers,
    body: bytes,
    signal: AbortSignal.timeout(50_000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: asJson(text) };
}

function asJson(text: string): Delivered["body"] {
  try {
    return JSON.parse(text) as Delivered["body"];
  } catch {
    return {};
  }
}

type Bytes = string | Uint8Array;

/** GitHub's signature header and the others it sends. */
export function signGithub(
  secret: string,
  body: Bytes,
  options: { event?: string; delivery?: string; hookId?: string } = {},
): Record<string, string> {
  const { event = "push", delivery = randomUUID(), hookId = "1001" } = options;
  return {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/test",
    "x-github-event": event,
    "x-github-delivery": delivery,
    "x-github-hook-id": hookId,
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
}

/** `timestamp` in seconds. */
export function signSlack(
  secret: string,
  body: Bytes,
  timestamp: number | string = Math.floor(Date.now() / 1_000),
): Record<string, string> {
  const digest = createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest("hex");
  return {
    "content-type": "application/json",
    "x-slack-request-timestamp": String(timestamp),
    "x-slack-signature": `v0=${digest}`,
  };
}

/** The signed time is in the body: see `webhookTimestamp`. */
export function signLinear(
  secret: string,
  body: Bytes,
  delivery: string = randomUUID(),
): Record<string, string> {
  return {
    "content-type": "application/json; charset=utf-8",
    "user-agent": "Linear-Webhook",
    "linear-delivery": delivery,
    "linear-signature": createHmac("sha256", secret).update(body).digest("hex"),
  };
}

export function signVercel(secret: string, body: Bytes): Record<string, string> {
  return {
    "content-type": "application/json",
    "x-vercel-signature": createHmac("sha1", secret).update(body).digest("hex"),
  };
}

/** `secret` as `whsec_…`; `names` are `webhook` or `svix`; `timestamp` in seconds. */
export function signStandard(
  secret: string,
  body: Bytes,
  options: { id?: string; timestamp?: number | string; names?: "webhook" | "svix" } = {},
): Record<string, string> {
  const { id = `msg_${randomUUID()}`, names = "webhook" } = options;
  const timestamp = options.timestamp ?? Math.floor(Date.now() / 1_000);
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return {
    "content-type": "application/json",
    [`${names}-id`]: id,
    [`${names}-timestamp`]: String(timestamp),
    [`${names}-signature`]: `v1,${digest}`,
  };
}
