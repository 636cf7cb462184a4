import type { Log } from "../shared/log.ts";
import { openPubSub } from "./pubsub.ts";
import type { PushSubscription } from "./pubsub-delivery.ts";
import { prepareEmulator } from "./pubsub-emulator.ts";

/** How events travel between the functions of a local stack. */
export interface Messaging {
  /** What the functions need to know of it. */
  env: Readonly<Record<string, string | undefined>>;
  /** What a scheduled call to the events function carries. */
  callHeaders: () => Promise<Record<string, string>>;
  close: () => Promise<void>;
}

const PROJECT = "netra-local";
const EVENTS_TOPIC = "netra-events";
const PUSHER = `pubsub@${PROJECT}.iam.gserviceaccount.com`;
const SCHEDULER = `scheduler@${PROJECT}.iam.gserviceaccount.com`;

/** The topic of events and its dead letters, with the subscription that pushes to the events function. */
export function eventsTopology(pushEndpoint: string): {
  topics: string[];
  subscriptions: PushSubscription[];
} {
  const topic = `projects/${PROJECT}/topics/${EVENTS_TOPIC}`;
  const deadLetterTopic = `${topic}-dead-letter`;
  return {
    topics: [topic, deadLetterTopic],
    subscriptions: [
      {
        name: `projects/${PROJECT}/subscriptions/${EVENTS_TOPIC}-push`,
        topic,
        pushEndpoint,
        oidcToken: { serviceAccountEmail: PUSHER, audience: pushEndpoint },
        ackDeadlineSeconds: 60,
        retryPolicy: { minimumBackoffSeconds: 10, maximumBackoffSeconds: 600 },
        deadLetterPolicy: { deadLetterTopic, maxDeliveryAttempts: 20 },
      },
    ],
  };
}

/**
 * The stand-in for Pub/Sub, or Google's emulator where one is named. The functions publish and are pushed to just as in
 * production; only the emulator sends no tokens, so there the events function takes calls without one, on loopback alone.
 */
export async function openMessaging(options: {
  pushEndpoint: string;
  emulatorHost: string | undefined;
  log: Log;
}): Promise<Messaging> {
  const { pushEndpoint, emulatorHost, log } = options;
  const topology = eventsTopology(pushEndpoint);
  // A project of the caller's environment would name topics that are not here.
  const common = { GOOGLE_CLOUD_PROJECT: undefined, NETRA_EVENTS_TOPIC: EVENTS_TOPIC };
  if (emulatorHost !== undefined) {
    await prepareEmulator(emulatorHost, topology);
    log("NOTICE", "events travel through a Pub/Sub emulator, which sends no tokens: none is asked for", {
      emulator: emulatorHost,
    });
    return {
      env: { ...common, PUBSUB_EMULATOR_HOST: emulatorHost, NETRA_CALLER_AUTH: "platform" },
      callHeaders: async () => ({}),
      close: async () => undefined,
    };
  }
  const pubsub = await openPubSub({ ...topology, log });
  return {
    env: {
      ...common,
      PUBSUB_EMULATOR_HOST: pubsub.host,
      NETRA_OIDC_KEYS_URL: pubsub.keysUrl,
      NETRA_CALLER_AUTH: "oidc",
      NETRA_CALLER_AUDIENCE: pushEndpoint,
      NETRA_CALLER_EMAILS: `${PUSHER},${SCHEDULER}`,
    },
    callHeaders: async () => ({
      authorization: `Bearer ${await pubsub.token({ serviceAccountEmail: SCHEDULER, audience: pushEndpoint })}`,
    }),
    close: pubsub.close,
  };
}
