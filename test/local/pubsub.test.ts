import { afterEach, describe, expect, it } from "vitest";
import { type PubSub, openPubSub } from "../../local/pubsub.ts";
import { createOidcVerifier } from "../../shared/oidc.ts";
import type { HttpRequest } from "../../shared/http.ts";
import {
  DEAD_TOPIC,
  expectPublishAndPush,
  POLL,
  publisherFor,
  subscription,
  TOPIC,
} from "./pubsub-publishing.ts";
import { openReceiver, type Receiver } from "./pubsub-receiver.ts";

const undo: (() => Promise<void>)[] = [];
const oidcToken = { serviceAccountEmail: "push@example.test", audience: "http://events.test/push" };

async function receive(): Promise<Receiver> {
  const receiver = await openReceiver();
  undo.push(receiver.close);
  return receiver;
}

async function open(options: Partial<Parameters<typeof openPubSub>[0]>): Promise<PubSub> {
  const pubsub = await openPubSub({
    topics: [TOPIC, DEAD_TOPIC],
    subscriptions: [],
    log: () => undefined,
    ...options,
  });
  undo.push(pubsub.close);
  return pubsub;
}

const publish = (pubsub: PubSub, topic: string, count = 1): Promise<void> =>
  publisherFor(pubsub.host).publish(
    topic,
    Array.from({ length: count }, (_, n) => ({ attributes: { n: String(n) } })),
    AbortSignal.timeout(60_000),
  );

const request = (authorization: string | undefined): HttpRequest =>
  ({ headers: { authorization } }) as unknown as HttpRequest;

async function publishRaw(pubsub: PubSub, body: string, topic = TOPIC): Promise<Response> {
  return fetch(`http://${pubsub.host}/v1/${topic}:publish`, { method: "POST", body });
}

afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

describe("publish and push", () => {
  it("carries messages from the product's publisher to the endpoint, again until they are acknowledged", async () => {
    const receiver = await receive();
    const pubsub = await open({ subscriptions: [subscription(`${receiver.url}/push`)] });
    await expectPublishAndPush(pubsub.host, receiver);
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
  });

  it("tells the delivery's number only where there is a dead-letter topic", async () => {
    const receiver = await receive();
    const policy = { deadLetterTopic: DEAD_TOPIC, maxDeliveryAttempts: 5 };
    const pubsub = await open({
      subscriptions: [
        subscription(`${receiver.url}/plain`),
        subscription(`${receiver.url}/counted`, { deadLetterPolicy: policy }),
      ],
    });
    await publish(pubsub, TOPIC);
    await expect.poll(() => receiver.arrivals.length, POLL).toBe(2);
    const attempts = receiver.arrivals.map(({ path, push }) => [path, push.deliveryAttempt]);
    expect(Object.fromEntries(attempts)).toEqual({ "/plain": undefined, "/counted": 1 });
  });

  it.each([102, 200, 201, 202, 204])("takes %i as an acknowledgement", async (status) => {
    const receiver = await receive();
    receiver.answer = () => status;
    const pubsub = await open({ subscriptions: [subscription(receiver.url)] });
    await publish(pubsub, TOPIC);
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
    expect(receiver.arrivals).toHaveLength(1);
  });

  it.each([203, 301, 400, 401, 404, 429, 500, 503])("takes %i as a refusal", async (status) => {
    const receiver = await receive();
    receiver.answer = () => (receiver.arrivals.length === 1 ? status : 204);
    const pubsub = await open({ subscriptions: [subscription(receiver.url)] });
    await publish(pubsub, TOPIC);
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
    expect(receiver.arrivals).toHaveLength(2);
  });

  it("delivers again when there is no answer within the deadline", async () => {
    const receiver = await receive();
    receiver.answer = () => (receiver.arrivals.length === 1 ? null : 204);
    const pubsub = await open({ subscriptions: [subscription(receiver.url, { ackDeadlineSeconds: 0.2 })] });
    await publish(pubsub, TOPIC);
    await expect.poll(() => receiver.arrivals.length, POLL).toBe(2);
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
  });

  it("counts an endpoint that is not there as a refusal", async () => {
    const gone = await openReceiver();
    await gone.close();
    const receiver = await receive();
    const dead = { deadLetterTopic: DEAD_TOPIC, maxDeliveryAttempts: 5 };
    const pubsub = await open({
      subscriptions: [
        subscription(gone.url, { deadLetterPolicy: dead }),
        subscription(receiver.url, { topic: DEAD_TOPIC }),
      ],
    });
    await publish(pubsub, TOPIC);
    await expect.poll(() => receiver.arrivals.length, POLL).toBe(1);
  });

  it("gives a message that is refused too often to the dead-letter topic, saying where it came from", async () => {
    const receiver = await receive();
    const dead = await receive();
    receiver.answer = () => 500;
    const pubsub = await open({
      subscriptions: [
        subscription(receiver.url, {
          deadLetterPolicy: { deadLetterTopic: DEAD_TOPIC, maxDeliveryAttempts: 5 },
          retryPolicy: { minimumBackoffSeconds: 0.001, maximumBackoffSeconds: 0.004 },
        }),
        subscription(dead.url, { name: "projects/netra-local/subscriptions/dead", topic: DEAD_TOPIC }),
      ],
    });
    await publish(pubsub, TOPIC);
    await expect.poll(() => dead.arrivals.length, POLL).toBe(1);
    expect(receiver.arrivals.map(({ push }) => push.deliveryAttempt)).toEqual([1, 2, 3, 4, 5]);
    expect(dead.arrivals[0]?.push.message.attributes).toEqual({
      n: "0",
      CloudPubSubDeadLetterSourceDeliveryCount: "5",
      CloudPubSubDeadLetterSourceSubscription: "events-push",
      CloudPubSubDeadLetterSourceSubscriptionProject: "netra-local",
      CloudPubSubDeadLetterSourceTopicPublishTime: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
  });

  it("has no more pushes under way than it may, however many messages wait, and delivers every one", async () => {
    const receiver = await receive();
    let underWay = 0;
    let most = 0;
    receiver.answer = async () => {
      most = Math.max(most, (underWay += 1));
      await new Promise(setImmediate);
      underWay -= 1;
      return 204;
    };
    const pubsub = await open({ subscriptions: [subscription(receiver.url)] });
    await publish(pubsub, TOPIC, 2_500);
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
    const delivered = receiver.arrivals.map(({ push }) => push.message.messageId);
    expect(new Set(delivered).size).toBe(2_500);
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(64);
  });
});

describe("what it refuses", () => {
  it("answers 404 for a topic it does not have", async () => {
    const pubsub = await open({});
    await expect(publish(pubsub, "projects/netra-local/topics/other")).rejects.toMatchObject({ status: 404 });
    expect((await fetch(`http://${pubsub.host}/v1/projects`)).status).toBe(404);
  });

  it.each([
    ["no JSON", "{"],
    ["no messages", JSON.stringify({ messages: [] })],
    ["an empty message", JSON.stringify({ messages: [{}] })],
    ["data that is not base64", JSON.stringify({ messages: [{ data: "*" }] })],
    [
      "an ordering key, which it cannot honour",
      JSON.stringify({ messages: [{ data: "YQ==", orderingKey: "k" }] }),
    ],
    ["1,001 messages", JSON.stringify({ messages: Array.from({ length: 1_001 }, () => ({ data: "YQ==" })) })],
    ["a value of 1,025 bytes", JSON.stringify({ messages: [{ attributes: { a: "x".repeat(1_025) } }] })],
    ["more than 10 MB", JSON.stringify({ messages: [{ data: "YQ==".repeat(2_700_000) }] })],
  ])("answers 400 to %s", async (_what, body) => {
    const response = await publishRaw(await open({}), body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { status: "INVALID_ARGUMENT" } });
  });

  it("takes nothing more once as many messages wait as it may keep, and takes them when some are gone", async () => {
    const receiver = await receive();
    const release = Promise.withResolvers<number>();
    receiver.answer = () => release.promise;
    const pubsub = await open({
      subscriptions: [subscription(receiver.url)],
      limits: { messages: 10, bytes: 1_000_000 },
    });
    await publish(pubsub, TOPIC, 10);
    await expect(publish(pubsub, TOPIC)).rejects.toMatchObject({ status: 429 });
    expect(pubsub.kept()).toBe(10);
    release.resolve(204);
    await expect.poll(() => pubsub.kept(), POLL).toBe(0);
    await publish(pubsub, TOPIC);
  });
});

describe("the token of a push", () => {
  it("is one the functions accept for its audience and account, and for no other", async () => {
    const receiver = await receive();
    const pubsub = await open({ subscriptions: [subscription(receiver.url, { oidcToken })] });
    await publish(pubsub, TOPIC);
    await expect.poll(() => receiver.arrivals.length, POLL).toBe(1);
    const sent = request(receiver.arrivals[0]?.headers.authorization);
    const verifier = createOidcVerifier({ keysUrl: pubsub.keysUrl, now: Date.now });
    const { audience, serviceAccountEmail: email } = oidcToken;
    await verifier.verify(sent, { audience, emails: [email] });
    await expect(verifier.verify(sent, { audience: "http://other", emails: [email] })).rejects.toMatchObject({
      code: "unauthorized",
    });
    await expect(verifier.verify(sent, { audience, emails: ["other@example.test"] })).rejects.toMatchObject({
      code: "unauthorized",
    });
    const later = createOidcVerifier({ keysUrl: pubsub.keysUrl, now: () => Date.now() + 3_700_000 });
    await expect(later.verify(sent, { audience, emails: [email] })).rejects.toMatchObject({
      code: "unauthorized",
    });
  });

  it("of one stand-in is no token of another", async () => {
    const [one, other] = [await open({}), await open({})];
    const verifier = createOidcVerifier({ keysUrl: other.keysUrl, now: Date.now });
    const { audience, serviceAccountEmail: email } = oidcToken;
    const sent = request(`Bearer ${await one.token(oidcToken)}`);
    await expect(verifier.verify(sent, { audience, emails: [email] })).rejects.toMatchObject({
      code: "unauthorized",
    });
  });

  it("is used again while it is valid and made anew before it ends", async () => {
    let now = Date.now();
    const pubsub = await open({ now: () => now });
    const first = await pubsub.token(oidcToken);
    now += 50 * 60_000;
    expect(await pubsub.token(oidcToken)).toBe(first);
    now += 6 * 60_000;
    expect(await pubsub.token(oidcToken)).not.toBe(first);
  });
});
