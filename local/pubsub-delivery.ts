/** How a push subscription delivers; the names are those of Pub/Sub's own configuration. */
export interface PushSubscription {
  /** `projects/<project>/subscriptions/<subscription>`. */
  name: string;
  /** `projects/<project>/topics/<topic>`. */
  topic: string;
  pushEndpoint: string;
  /** Whose token each push carries, and for whom it is; null sends none. */
  oidcToken: { serviceAccountEmail: string; audience: string } | null;
  /** How long a push may take; Pub/Sub allows 10 to 600. */
  ackDeadlineSeconds: number;
  /** Seconds between deliveries of a message that was not acknowledged; null delivers it again at once. */
  retryPolicy: { minimumBackoffSeconds: number; maximumBackoffSeconds: number } | null;
  /** Where a message goes after so many deliveries, 5 to 100; null never gives up. */
  deadLetterPolicy: { deadLetterTopic: string; maxDeliveryAttempts: number } | null;
}

export interface PublishedMessage {
  messageId: string;
  /** Milliseconds since 1970. */
  publishedAt: number;
  attributes: Readonly<Record<string, string>>;
  /** Base64. */
  data: string;
}

const ACKNOWLEDGED = new Set([102, 200, 201, 202, 204]);

/** Whether a status acknowledges the message; everything else asks for it again. */
export function isAcknowledged(status: number): boolean {
  return ACKNOWLEDGED.has(status);
}

/** The body of a push. Pub/Sub counts deliveries only where there is a dead-letter topic, and sends each name twice. */
export function pushBody(
  subscription: PushSubscription,
  message: PublishedMessage,
  deliveryAttempt: number,
): string {
  const publishTime = new Date(message.publishedAt).toISOString();
  const { messageId, attributes, data } = message;
  return JSON.stringify({
    ...(subscription.deadLetterPolicy === null ? {} : { deliveryAttempt }),
    message: {
      attributes,
      data,
      messageId,
      message_id: messageId,
      publishTime,
      publish_time: publishTime,
    },
    subscription: subscription.name,
  });
}

/** Milliseconds until the next delivery after so many that failed: doubling, spread, within the policy's bounds. */
export function backoffMs(
  policy: PushSubscription["retryPolicy"],
  failures: number,
  random: () => number,
): number {
  if (policy === null) return 0;
  const { minimumBackoffSeconds: min, maximumBackoffSeconds: max } = policy;
  const ceiling = Math.min(max, min * 2 ** Math.min(failures - 1, 30));
  return 1_000 * Math.max(min, ceiling * (0.5 + 0.5 * random()));
}

/** What a message looks like in the dead-letter topic. */
export function deadLetterAttributes(
  subscription: PushSubscription,
  message: PublishedMessage,
  deliveries: number,
): Record<string, string> {
  const [, project = "", , name = ""] = subscription.name.split("/");
  return {
    ...message.attributes,
    CloudPubSubDeadLetterSourceDeliveryCount: String(deliveries),
    CloudPubSubDeadLetterSourceSubscription: name,
    CloudPubSubDeadLetterSourceSubscriptionProject: project,
    CloudPubSubDeadLetterSourceTopicPublishTime: new Date(message.publishedAt).toISOString(),
  };
}
