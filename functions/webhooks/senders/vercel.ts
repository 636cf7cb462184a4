import { type Delivery, type Sender, UNPARSEABLE, type VerifiedRequest } from "../delivery.ts";
import { isObject, textOf } from "../read-value.ts";

/** https://vercel.com/docs/webhooks/webhooks-api: the id is in the signed body and the same on every try. */
function describe({ payload, bodySha256 }: VerifiedRequest): Delivery {
  if (!isObject(payload)) return UNPARSEABLE;
  return {
    kind: "event",
    type: textOf(payload["type"]) ?? "unknown",
    action: null,
    key: textOf(payload["id"]) ?? `sha256:${bodySha256.toString("hex")}`,
    contentKey: null,
  };
}

export const vercel: Sender = { describe, keptHeaders: ["user-agent"] };
