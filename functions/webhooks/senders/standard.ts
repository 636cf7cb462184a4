import type { Delivery, Sender, VerifiedRequest } from "../delivery.ts";
import { headerOf, objectOf, textOf } from "../read-value.ts";

/** Standard Webhooks: the id is signed and the same on every try. What the body is, is the sender's matter. */
function describe({ headers, payload, bodySha256 }: VerifiedRequest): Delivery {
  const body = objectOf(payload);
  // The id that was verified: the names are tried in the same order there.
  const name = headerOf(headers, "webhook-signature") === null ? "svix-id" : "webhook-id";
  return {
    kind: "event",
    type: textOf(body["type"]) ?? textOf(body["event_type"]) ?? "unknown",
    action: null,
    key: headerOf(headers, name) ?? `sha256:${bodySha256.toString("hex")}`,
    contentKey: null,
  };
}

export const standard: Sender = {
  describe,
  keptHeaders: ["user-agent", "webhook-id", "webhook-timestamp", "svix-id", "svix-timestamp"],
};
