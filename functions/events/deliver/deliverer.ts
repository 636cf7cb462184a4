import type { Log } from "../../../shared/log.ts";
import {
  type Attempt,
  cancelOpenDeliveries,
  claimDelivery,
  type ClaimedDelivery,
  type DeliveryKey,
  findClaimable,
  recordDelivered,
  recordFailure,
  recordGone,
} from "../../../shared/postgres/event-deliveries.ts";
import { type Pool, withOrganization } from "../../../shared/postgres/pool.ts";
import type { Publisher } from "../../../shared/pubsub/publisher.ts";
import type { SecretSource } from "../../../shared/secret-source.ts";
import { BODY_BYTES_MAX, deliveryBody, sentType } from "./body.ts";
import { failedWith, type Outcome } from "./outcome.ts";
import { retryDelay } from "./schedule.ts";
import { type ResolveHost, sendHttps } from "./send-https.ts";
import { sendPubsub } from "./send-pubsub.ts";
import { readSigningKeys, signedHeaders } from "./signature.ts";
import { createSlots } from "./slots.ts";

/** Sends what subscribers are to be told, one delivery a call. */
export interface Deliverer {
  /**
   * Makes one attempt at a delivery whose turn it is and records how it went; does nothing when it is not. A failure of
   * the receiver is recorded and is no error: this rejects only when our own database fails. When there is no room for it
   * now, the delivery stays as it is for the next sweep.
   */
  deliver: (nudge: DeliveryKey) => Promise<void>;
  /** Waits for what is under way, at most a little longer than an attempt takes, then ends it; its lease runs out. */
  close: () => Promise<void>;
}

export interface DelivererOptions {
  pool: Pool;
  publisher: Publisher;
  secrets: SecretSource;
  /** Allows http and addresses of private networks. */
  privateTargets: boolean;
  /** Topics of our own (full names), to which nothing is delivered. */
  ownTopics: readonly string[];
  log: Log;
  now: () => number;
  /** From 0 to 1. */
  random: () => number;
  timeoutMs?: number;
  resolveHost?: ResolveHost;
  /** Certificates of receivers to trust instead of the platform's. */
  ca?: string;
}

const TIMEOUT_MS = 15_000;
const WAIT_MS = 20_000;
const CLOSE_MARGIN_MS = 3_000;
const AT_ONCE_MAX = 32;
const PER_ORGANIZATION_MAX = 16;
const PER_SUBSCRIPTION_MAX = 8;
const WAITING_MAX = 500;
const WAITING_PER_ORGANIZATION_MAX = 100;
const CANCELLED_AT_ONCE_MAX = 1_000;

export function createDeliverer(options: DelivererOptions): Deliverer {
  const { pool, log } = options;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const slots = createSlots({
    atOnceMax: AT_ONCE_MAX,
    perGroupMax: PER_ORGANIZATION_MAX,
    perKeyMax: PER_SUBSCRIPTION_MAX,
    waitingMax: WAITING_MAX,
    waitingPerGroupMax: WAITING_PER_ORGANIZATION_MAX,
  });
  const closing = new AbortController();
  const underWay = new Set<Promise<void>>();
  let closed = false;

  async function attempt(key: DeliveryKey): Promise<void> {
    if (closed) return;
    const claimed = await withOrganization(pool, key.organizationId, (sql) =>
      claimDelivery(sql, key, BODY_BYTES_MAX),
    );
    if (claimed === null) return;
    const startedAt = options.now();
    const outcome = await send(key, claimed);
    if (outcome === null) return;
    await record({ ...key, attempts: claimed.attempts, fence: claimed.fence }, claimed, outcome);
    log(outcome.kind === "delivered" ? "INFO" : "WARNING", `a delivery ${outcome.kind}`, {
      organization_id: key.organizationId,
      delivery_id: key.id,
      subscription_id: claimed.subscription_id,
      attempt: claimed.attempts,
      duration_ms: options.now() - startedAt,
      status: outcome.status,
      ...(outcome.kind === "delivered" ? {} : { reason: outcome.error }),
    });
  }

  /** Null when the instance stops before there is an answer: the lease runs out and another one sends it again. */
  async function send(key: DeliveryKey, claimed: ClaimedDelivery): Promise<Outcome | null> {
    try {
      return claimed.target_kind === "https"
        ? await sendSigned(key, claimed)
        : await sendPubsub(
            claimed.target,
            deliveryBody(claimed),
            { type: sentType(claimed), event_id: claimed.event_id, delivery_id: key.id },
            { publisher: options.publisher, ownTopics: options.ownTopics, timeoutMs, signal: closing.signal },
          );
    } catch (error) {
      if (closing.signal.aborted) return null;
      throw error;
    }
  }

  async function sendSigned(key: DeliveryKey, claimed: ClaimedDelivery): Promise<Outcome> {
    const now = options.now();
    const keys = await readSigningKeys(claimed.secrets, { source: options.secrets, now, log });
    if (keys.length === 0) return failedWith("no_secret: no signing secret can be read, so nothing was sent");
    const body = deliveryBody(claimed);
    const headers = {
      ...signedHeaders(keys, { id: key.id, seconds: Math.floor(now / 1_000), body }),
      "content-type": "application/json",
      "user-agent": "Netra",
    };
    const outcome = await sendHttps(claimed.target, body, headers, {
      privateTargets: options.privateTargets,
      timeoutMs,
      now: options.now,
      signal: closing.signal,
      resolveHost: options.resolveHost,
      ca: options.ca,
    });
    if (outcome.kind === "failed" && outcome.isUnauthorized) {
      for (const { reference } of claimed.secrets) options.secrets.forget(reference);
    }
    return outcome;
  }

  async function record(made: Attempt, claimed: ClaimedDelivery, outcome: Outcome): Promise<void> {
    const { organizationId } = made;
    switch (outcome.kind) {
      case "delivered":
        await withOrganization(pool, organizationId, (sql) => recordDelivered(sql, made, outcome.status));
        return;
      case "gone":
        await withOrganization(pool, organizationId, (sql) => recordGone(sql, made, outcome));
        await cancelOthers(organizationId, claimed.subscription_id, "gone");
        return;
      case "failed": {
        const retryInMs = retryDelay(made.attempts, options.random, outcome.retryAfterMs);
        const failure = { retryInMs, status: outcome.status, error: outcome.error };
        const recorded = await withOrganization(pool, organizationId, (sql) =>
          recordFailure(sql, made, failure),
        );
        if (recorded?.disabled === true) {
          await cancelOthers(organizationId, claimed.subscription_id, "failing for five days");
        }
        return;
      }
      default:
        outcome satisfies never;
    }
  }

  async function cancelOthers(organizationId: string, subscriptionId: string, reason: string): Promise<void> {
    const cancelled = await withOrganization(pool, organizationId, (sql) =>
      cancelOpenDeliveries(sql, organizationId, subscriptionId, CANCELLED_AT_ONCE_MAX),
    );
    log("WARNING", "a subscription was switched off", {
      organization_id: organizationId,
      subscription_id: subscriptionId,
      reason,
      cancelled,
    });
  }

  async function deliver(key: DeliveryKey): Promise<void> {
    const subscriptionId = await withOrganization(pool, key.organizationId, (sql) => findClaimable(sql, key));
    if (subscriptionId === null) return;
    // Only once there is room is it claimed: what waits has no lease that could run out.
    const owner = { group: key.organizationId, key: subscriptionId };
    const hadRoom = await slots.run(owner, WAIT_MS, () => attempt(key));
    if (!hadRoom) {
      log("WARNING", "there was no room for a delivery; the next sweep brings it again", {
        organization_id: key.organizationId,
        delivery_id: key.id,
        subscription_id: subscriptionId,
      });
    }
  }

  return {
    async deliver({ organizationId, id, receivedAt }) {
      if (closed) return;
      const work = deliver({ organizationId, id, receivedAt });
      underWay.add(work);
      try {
        await work;
      } finally {
        underWay.delete(work);
      }
    },
    async close() {
      closed = true;
      const end = setTimeout(() => closing.abort(), timeoutMs + CLOSE_MARGIN_MS);
      await Promise.allSettled(underWay);
      clearTimeout(end);
    },
  };
}
