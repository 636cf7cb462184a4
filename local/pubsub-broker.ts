import { deadLetterAttributes, type PublishedMessage, type PushSubscription } from "./pubsub-delivery.ts";
import { createPusher, type Pusher } from "./pubsub-pusher.ts";
import type { OidcIssuer } from "./oidc-issuer.ts";

interface OutgoingMessage {
  attributes: Readonly<Record<string, string>>;
  /** Base64. */
  data: string;
}

export interface Broker {
  /** The ids of the messages; `no-topic` when there is none of this name, `full` when no more can be kept. */
  publish: (topic: string, messages: readonly OutgoingMessage[]) => string[] | "no-topic" | "full";
  /** Messages kept until they are acknowledged or given up; one counts once for each subscription. */
  kept: () => number;
  close: () => Promise<void>;
}

interface BrokerOptions {
  topics: readonly string[];
  subscriptions: readonly PushSubscription[];
  issuer: OidcIssuer;
  limits?: { messages: number; bytes: number };
  onDeadLetter: (subscription: PushSubscription, message: PublishedMessage, deliveries: number) => void;
  now: () => number;
  random: () => number;
}

/** Beyond these nothing more is taken: whoever publishes has the message in a table and comes again. */
const LIMITS = { messages: 200_000, bytes: 256 * 1024 * 1024 };

/** Topics and their push subscriptions, kept in memory. */
export function createBroker(options: BrokerOptions): Broker {
  const limits = options.limits ?? LIMITS;
  const pushers = new Map<string, Pusher[]>(options.topics.map((topic) => [topic, []]));
  let messageCount = 0;
  let byteCount = 0;
  let lastId = 0;

  for (const subscription of options.subscriptions) {
    const pusher = createPusher({
      subscription,
      token: options.issuer.token,
      giveUp: (message, deliveries) => {
        options.onDeadLetter(subscription, message, deliveries);
        const topic = subscription.deadLetterPolicy?.deadLetterTopic;
        const attributes = deadLetterAttributes(subscription, message, deliveries);
        if (topic !== undefined) publish(topic, [{ attributes, data: message.data }]);
      },
      released: (message) => {
        messageCount -= 1;
        byteCount -= weigh(message);
      },
      now: options.now,
      random: options.random,
    });
    const ofTopic = pushers.get(subscription.topic);
    if (ofTopic === undefined) throw new Error(`${subscription.name} has an unknown topic`);
    ofTopic.push(pusher);
  }

  function publish(topic: string, messages: readonly OutgoingMessage[]): ReturnType<Broker["publish"]> {
    const receivers = pushers.get(topic);
    if (receivers === undefined) return "no-topic";
    const published = messages.map((message) => ({
      messageId: String((lastId += 1)),
      publishedAt: options.now(),
      ...message,
    }));
    const bytes = published.reduce((sum, message) => sum + weigh(message), 0) * receivers.length;
    const count = published.length * receivers.length;
    if (messageCount + count > limits.messages || byteCount + bytes > limits.bytes) return "full";
    messageCount += count;
    byteCount += bytes;
    for (const receiver of receivers) for (const message of published) receiver.add(message);
    return published.map(({ messageId }) => messageId);
  }

  return {
    publish,
    kept: () => messageCount,
    async close() {
      await Promise.all([...pushers.values()].flat().map((pusher) => pusher.close()));
    },
  };
}

function weigh({ attributes, data }: OutgoingMessage): number {
  return Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    data.length,
  );
}
