import { expect } from "vitest";
import type { PushSubscription } from "../../local/pubsub-delivery.ts";
import { nudgeMessage, readNudge } from "../../shared/pubsub/nudge.ts";
import { createPublisher, type Publisher } from "../../shared/pubsub/publisher.ts";
import { readPush } from "../../shared/pubsub/push.ts";
import type { Receiver } from "./pubsub-receiver.ts";

export const TOPIC = "projects/netra-local/topics/events";
export const DEAD_TOPIC = "projects/netra-local/topics/events-dead";
export const POLL = { timeout: 60_000, interval: 10 };

export function subscription(
  pushEndpoint: string,
  differing: Partial<PushSubscription> = {},
): PushSubscription {
  return {
    name: "projects/netra-local/subscriptions/events-push",
    topic: TOPIC,
    pushEndpoint,
    oidcToken: null,
    ackDeadlineSeconds: 10,
    retryPolicy: null,
    deadLetterPolicy: null,
    ...differing,
  };
}

/** The product's publisher towards an emulator: it asks for no token. */
export function publisherFor(host: string): Publisher {
  return createPublisher({
    emulatorHost: host,
    tokens: {
      get: () => Promise.reject(new Error("an emulator needs no token")),
      forget: () => undefined,
    },
  });
}

/**
 * What holds for the stand-in and for Google's emulator alike: a nudge and a message with data arrive whole, and one that
 * is refused comes again under its own id until it is acknowledged.
 */
export async function expectPublishAndPush(host: string, receiver: Receiver): Promise<void> {
  const publisher = publisherFor(host);
  const signal = AbortSignal.timeout(60_000);
  const nudge = {
    kind: "event",
    organizationId: crypto.randomUUID(),
    id: crypto.randomUUID(),
    receivedAt: Date.parse("2026-11-20T10:00:00.123Z"),
  } as const;
  await publisher.publish(TOPIC, [nudgeMessage(nudge)], signal);
  await expect.poll(() => receiver.arrivals.length, POLL).toBe(1);
  const first = receiver.arrivals[0];
  const read = readPush(Buffer.from(JSON.stringify(first?.body)));
  expect(readNudge(read.attributes)).toEqual(nudge);
  expect(read.data).toHaveLength(0);
  expect(read.messageId).not.toBe("");
  expect(read.subscription).toBe("projects/netra-local/subscriptions/events-push");
  expect(first?.body).toMatchObject({
    message: { messageId: read.messageId, message_id: read.messageId, data: "" },
  });
  expect(first?.headers["content-type"]).toContain("application/json");

  receiver.arrivals.length = 0;
  await publisher.publish(TOPIC, [{ attributes: {}, data: Buffer.from("häuser \0 bytes") }], signal);
  await expect.poll(() => receiver.arrivals.length, POLL).toBe(1);
  const withData = readPush(Buffer.from(JSON.stringify(receiver.arrivals[0]?.body)));
  expect(withData.data.toString()).toBe("häuser \0 bytes");

  receiver.arrivals.length = 0;
  let refusals = 2;
  receiver.answer = () => (refusals-- > 0 ? 500 : 204);
  await publisher.publish(TOPIC, [{ attributes: { again: "yes" } }], signal);
  await expect.poll(() => receiver.arrivals.length, POLL).toBe(3);
  expect(new Set(receiver.arrivals.map(({ push }) => push.message.messageId)).size).toBe(1);
}
