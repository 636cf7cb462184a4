import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import type { Log } from "../shared/log.ts";
import { createOidcIssuer, type OidcIssuer } from "./oidc-issuer.ts";
import { type Broker, createBroker } from "./pubsub-broker.ts";
import type { PushSubscription } from "./pubsub-delivery.ts";

export interface PubSub {
  /** `host:port`, for PUBSUB_EMULATOR_HOST. */
  host: string;
  /** Where the keys are that its tokens can be checked with. */
  keysUrl: string;
  token: OidcIssuer["token"];
  /** Messages that are not yet acknowledged or given up. */
  kept: () => number;
  /** Forgets what is still kept: events whose nudge is lost are found by the next sweep. */
  close: () => Promise<void>;
}

interface PubSubOptions {
  topics: readonly string[];
  subscriptions: readonly PushSubscription[];
  log: Log;
  /** A free one by default. */
  port?: number;
  limits?: { messages: number; bytes: number };
  now?: () => number;
  random?: () => number;
}

const KEYS_PATH = "/oauth2/v3/certs";
const PUBLISH_PATH = /^\/v1\/(projects\/[^/]+\/topics\/[^/:]+):publish$/;
/** Limits of one publish request. */
const MESSAGES_MAX = 1_000;
const BODY_BYTES_MAX = 10 * 1024 * 1024;

const text = (bytesMax: number) =>
  z.string().refine((value) => Buffer.byteLength(value) <= bytesMax, `must be at most ${bytesMax} bytes`);
const message = z
  .strictObject({
    attributes: z
      .record(text(256).min(1), text(1_024))
      .refine((value) => Object.keys(value).length <= 100, "must be at most 100")
      .default({}),
    data: z.base64().default(""),
  })
  .refine(
    ({ attributes, data }) => data !== "" || Object.keys(attributes).length > 0,
    "must have data or attributes",
  );
const publication = z.strictObject({ messages: z.array(message).min(1).max(MESSAGES_MAX) });

/**
 * Stands in for Pub/Sub on 127.0.0.1: takes what is published over the REST interface, pushes it with the envelope,
 * deadline, retries and dead letters of the real one, and signs each push with a key whose public half it serves. It keeps
 * everything in memory.
 */
export async function openPubSub(options: PubSubOptions): Promise<PubSub> {
  const now = options.now ?? Date.now;
  const issuer = await createOidcIssuer(now);
  const broker = createBroker({
    ...options,
    issuer,
    now,
    random: options.random ?? Math.random,
    onDeadLetter: ({ name }, { messageId }, deliveries) =>
      options.log("ERROR", "a message was given up", {
        subscription: name,
        message_id: messageId,
        deliveries,
      }),
  });
  const server = createServer((request, response) => {
    answer(request, broker, issuer).then(
      ({ status, body }) => reply(response, status, body),
      () => reply(response, 500, problem(500, "INTERNAL", "something went wrong here")),
    );
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${portOf(server)}`;
  return {
    host,
    keysUrl: `http://${host}${KEYS_PATH}`,
    token: issuer.token,
    kept: broker.kept,
    async close() {
      await broker.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Answer {
  status: number;
  body: unknown;
}

async function answer(request: IncomingMessage, broker: Broker, issuer: OidcIssuer): Promise<Answer> {
  const { method, url = "/" } = request;
  if (method === "GET" && url === KEYS_PATH) return { status: 200, body: issuer.keys };
  const topic = PUBLISH_PATH.exec(url)?.[1];
  if (method !== "POST" || topic === undefined) return refuse(404, "NOT_FOUND", "there is nothing here");
  const body = await readBody(request);
  if (body === null) return refuse(400, "INVALID_ARGUMENT", `a request has at most ${BODY_BYTES_MAX} bytes`);
  const read = publication.safeParse(parse(body));
  if (!read.success) return refuse(400, "INVALID_ARGUMENT", z.prettifyError(read.error));
  const published = broker.publish(decodeURIComponent(topic), read.data.messages);
  if (published === "no-topic") return refuse(404, "NOT_FOUND", `Resource not found (resource=${topic}).`);
  if (published === "full")
    return refuse(429, "RESOURCE_EXHAUSTED", "too many messages wait to be delivered");
  return { status: 200, body: { messageIds: published } };
}

/** The body, or null when it is larger than a request may be; the rest of such a one is thrown away. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return bytes <= BODY_BYTES_MAX ? Buffer.concat(chunks) : null;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function refuse(status: number, name: string, reason: string): Answer {
  return { status, body: problem(status, name, reason) };
}

function problem(code: number, status: string, reason: string): unknown {
  return { error: { code, status, message: reason } };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const payload = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json; charset=UTF-8",
    "content-length": payload.length,
  });
  response.end(payload);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the Pub/Sub stand-in has no port");
  return address.port;
}
