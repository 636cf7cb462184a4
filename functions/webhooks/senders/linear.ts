import type { JsonObject } from "../../../shared/event-payload.ts";
import { type Delivery, type Sender, UNPARSEABLE, type VerifiedRequest } from "../delivery.ts";
import { hashOf, headerOf, isObject, objectOf, textOf } from "../read-value.ts";

const TOLERANCE_MS = 60_000;

/** https://linear.app/developers/webhooks: of time and name only the time is signed, and only the one in the body. */
function describe({ headers, payload, bodySha256, receivedAt }: VerifiedRequest): Delivery {
  if (!isObject(payload)) return UNPARSEABLE;
  const sentAt = payload["webhookTimestamp"];
  if (typeof sentAt !== "number" || !(Math.abs(receivedAt - sentAt) <= TOLERANCE_MS)) {
    return {
      kind: "refused",
      reason: "stale_timestamp",
      detail: "webhookTimestamp of the signed body is not within a minute of now",
    };
  }
  return {
    kind: "event",
    type: textOf(payload["type"]) ?? "unknown",
    action: textOf(payload["action"]),
    key: headerOf(headers, "linear-delivery") ?? `sha256:${bodySha256.toString("hex")}`,
    contentKey: contentKeyOf(payload, bodySha256),
  };
}

/**
 * A change that says when it was is told by all it says but when it was sent, which differs with each try. Of anything
 * else, the same words may well be said twice; only the same bytes, with the same time of sending, are a replay.
 */
function contentKeyOf(payload: JsonObject, bodySha256: Buffer): Buffer {
  const data = objectOf(payload["data"]);
  const changedAt = textOf(data["updatedAt"]) ?? textOf(data["createdAt"]);
  if (changedAt === null || textOf(data["id"]) === null) return bodySha256;
  return hashOf([{ ...payload, webhookTimestamp: null }]) ?? bodySha256;
}

export const linear: Sender = {
  describe,
  keptHeaders: ["user-agent", "linear-delivery", "linear-event", "linear-timestamp"],
};
