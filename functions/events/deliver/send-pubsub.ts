import { faultOfTopic } from "../../../shared/delivery-target.ts";
import { type Publisher, PublishError } from "../../../shared/pubsub/publisher.ts";
import { failedWith, type Outcome } from "./outcome.ts";

interface PubsubOptions {
  publisher: Publisher;
  /** Topics of our own, full names: what is sent there would come back to us. */
  ownTopics: readonly string[];
  timeoutMs: number;
  signal: AbortSignal;
}

/** Publishes a body once. Who may write to the topic is for its owner to say: the function's service account needs it. */
export async function sendPubsub(
  topic: string,
  body: Buffer,
  attributes: Readonly<Record<string, string>>,
  { publisher, ownTopics, timeoutMs, signal }: PubsubOptions,
): Promise<Outcome> {
  const fault = ownTopics.includes(topic) ? "it is a topic of Netra's own" : faultOfTopic(topic);
  if (fault !== null) return failedWith(`blocked_topic: ${fault}`);
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    await publisher.publish(topic, [{ attributes, data: body }], AbortSignal.any([signal, deadline]));
    return { kind: "delivered", status: null };
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) return failedWith(`timeout: no answer within ${timeoutMs / 1_000} s`);
    const status = error instanceof PublishError ? error.status : null;
    return {
      kind: "failed",
      status,
      error: `pubsub: ${status === null ? "no answer" : `Pub/Sub answered ${status}`}`,
      retryAfterMs: null,
      isUnauthorized: false,
    };
  }
}
