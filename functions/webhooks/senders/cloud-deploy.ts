import { type Delivery, type Sender, UNPARSEABLE, type VerifiedRequest } from "../delivery.ts";
import { isObject, objectOf, textOf } from "../read-value.ts";

/** https://cloud.google.com/deploy/docs/subscribe-deploy-notifications: everything is in the message's attributes. */
function describe({ payload, bodySha256 }: VerifiedRequest): Delivery {
  if (!isObject(payload)) return UNPARSEABLE;
  const attributes = objectOf(payload["attributes"]);
  const resource = textOf(attributes["ResourceType"]);
  return {
    kind: "event",
    type: resource === null ? "unknown" : snakeCase(resource),
    action: textOf(attributes["Action"])?.toLowerCase() ?? null,
    key: textOf(payload["message_id"]) ?? `sha256:${bodySha256.toString("hex")}`,
    contentKey: null,
  };
}

function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toLowerCase();
}

export const cloudDeploy: Sender = { describe, keptHeaders: ["user-agent"] };
