import { type Delivery, type Sender, UNPARSEABLE, type VerifiedRequest } from "../delivery.ts";
import { isObject, objectOf, textOf } from "../read-value.ts";

/** https://cloud.google.com/build/docs/subscribe-build-notifications: one message for each status of a build. */
function describe({ payload, bodySha256 }: VerifiedRequest): Delivery {
  if (!isObject(payload)) return UNPARSEABLE;
  const attributes = objectOf(payload["attributes"]);
  const build = objectOf(payload["data"]);
  const id = textOf(attributes["buildId"]) ?? textOf(build["id"]);
  const status = textOf(attributes["status"]) ?? textOf(build["status"]);
  const message = textOf(payload["message_id"]) ?? `sha256:${bodySha256.toString("hex")}`;
  return {
    kind: "event",
    type: status?.toLowerCase() ?? "status_unknown",
    action: null,
    key: id === null || status === null ? `message:${message}` : `${id}:${status}`,
    contentKey: null,
  };
}

export const cloudBuild: Sender = { describe, keptHeaders: ["user-agent"] };
