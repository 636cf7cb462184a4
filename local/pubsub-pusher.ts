import { Agent } from "node:http";
import {
  backoffMs,
  isAcknowledged,
  pushBody,
  type PublishedMessage,
  type PushSubscription,
} from "./pubsub-delivery.ts";
import { post } from "./pubsub-post.ts";
import { DueQueue } from "./pubsub-queue.ts";
import { PushWindow } from "./pubsub-window.ts";

interface Delivery {
  message: PublishedMessage;
  attempts: number;
}

interface PusherOptions {
  subscription: PushSubscription;
  /** The token of the subscription's `oidcToken`. */
  token: (oidcToken: { serviceAccountEmail: string; audience: string }) => Promise<string>;
  /** Takes a message that was delivered in vain too often. */
  giveUp: (message: PublishedMessage, deliveries: number) => void;
  /** Called once for each message that is no longer kept. */
  released: (message: PublishedMessage) => void;
  now: () => number;
  random: () => number;
}

export interface Pusher {
  add: (message: PublishedMessage) => void;
  /** Starts no more pushes and breaks off those under way. What is still kept is lost. */
  close: () => Promise<void>;
}

const OUTSTANDING_MAX = 64;
/** Timers of Node run at most this long; a later one looks again. */
const TIMER_MS_MAX = 60_000;

/** Delivers the messages of one push subscription until each is acknowledged or given up. */
export function createPusher(options: PusherOptions): Pusher {
  const { subscription, now } = options;
  const queue = new DueQueue<Delivery>();
  const window = new PushWindow(OUTSTANDING_MAX);
  const underWay = new Set<Promise<void>>();
  const agent = new Agent({ keepAlive: true });
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  function pump(): void {
    clearTimeout(timer);
    if (isClosed) return;
    while (underWay.size < window.size) {
      const delivery = queue.takeDue(now());
      if (delivery === null) {
        wakeUp();
        return;
      }
      const push = deliver(delivery).finally(() => {
        underWay.delete(push);
        pump();
      });
      underWay.add(push);
    }
  }

  function wakeUp(): void {
    if (queue.nextDueAt === null) return;
    timer = setTimeout(pump, Math.min(TIMER_MS_MAX, Math.max(1, queue.nextDueAt - now())));
    timer.unref();
  }

  async function deliver(delivery: Delivery): Promise<void> {
    delivery.attempts += 1;
    const { message, attempts } = delivery;
    if (await isTaken(message, attempts)) {
      window.acknowledged();
      options.released(message);
      return;
    }
    window.refused();
    const policy = subscription.deadLetterPolicy;
    if (policy !== null && attempts >= policy.maxDeliveryAttempts) {
      options.released(message);
      options.giveUp(message, attempts);
      return;
    }
    queue.add(delivery, now() + backoffMs(subscription.retryPolicy, attempts, options.random));
  }

  async function isTaken(message: PublishedMessage, attempts: number): Promise<boolean> {
    try {
      const oidc = subscription.oidcToken;
      const token = oidc === null ? null : await options.token(oidc);
      if (isClosed) return false;
      const status = await post({
        url: subscription.pushEndpoint,
        token,
        body: pushBody(subscription, message, attempts),
        agent,
        timeoutMs: subscription.ackDeadlineSeconds * 1_000,
        mayRepeat: () => !isClosed,
      });
      return isAcknowledged(status);
    } catch {
      // No answer, for whatever reason, is no acknowledgement.
      return false;
    }
  }

  return {
    add(message) {
      queue.add({ message, attempts: 0 }, now());
      pump();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      agent.destroy();
      await Promise.all(underWay);
    },
  };
}
