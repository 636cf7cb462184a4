import type { PushSubscription } from "./pubsub-delivery.ts";
import { StartError } from "./start-error.ts";

const ANSWER_MS = 10_000;

/**
 * Makes topics and push subscriptions in Google's emulator over its REST interface. One that is there from an earlier
 * start is made anew, because it pushes to that start's port. The emulator sends no tokens.
 */
export async function prepareEmulator(
  host: string,
  wanted: { topics: readonly string[]; subscriptions: readonly PushSubscription[] },
): Promise<void> {
  for (const topic of wanted.topics) await call(host, "PUT", topic, {}, [200, 409]);
  for (const subscription of wanted.subscriptions) {
    await call(host, "DELETE", subscription.name, undefined, [200, 404]);
    await call(host, "PUT", subscription.name, toResource(subscription), [200]);
  }
}

/** The subscription as a resource of Pub/Sub's REST interface. */
function toResource(subscription: PushSubscription): unknown {
  const { topic, pushEndpoint, oidcToken, ackDeadlineSeconds, retryPolicy, deadLetterPolicy } = subscription;
  return {
    topic,
    pushConfig: { pushEndpoint, ...(oidcToken === null ? {} : { oidcToken }) },
    ackDeadlineSeconds,
    ...(retryPolicy === null
      ? {}
      : {
          retryPolicy: {
            minimumBackoff: `${retryPolicy.minimumBackoffSeconds}s`,
            maximumBackoff: `${retryPolicy.maximumBackoffSeconds}s`,
          },
        }),
    ...(deadLetterPolicy === null ? {} : { deadLetterPolicy }),
  };
}

async function call(
  host: string,
  method: string,
  resource: string,
  body: unknown,
  accepted: readonly number[],
): Promise<void> {
  const response = await fetch(`http://${host}/v1/${resource}`, {
    method,
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new StartError(
      `No Pub/Sub emulator answers at ${host}. Start it, or unset PUBSUB_EMULATOR_HOST: then a stand-in carries the events.`,
      { cause },
    );
  });
  const text = await response.text();
  if (!accepted.includes(response.status)) {
    throw new StartError(
      `The Pub/Sub emulator at ${host} answered ${response.status} to ${method} ${resource}: ${text.slice(0, 300)}`,
    );
  }
}
