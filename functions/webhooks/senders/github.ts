import { SOURCE_CONFIGS } from "../../../shared/event-source-config.ts";
import type { EventSource } from "../../../shared/postgres/event-sources.ts";
import { type Delivery, type Sender, UNPARSEABLE, type VerifiedRequest } from "../delivery.ts";
import { headerOf, isObject, textOf } from "../read-value.ts";

/**
 * GitHub signs the body alone. A delivery's GUID is the event's, the same on every hook that sees it, and again when the
 * delivery is repeated, so the hook is part of the key. Whoever has seen one body could send it under a new GUID: the same
 * body twice is a suspected replay, but for events that hold neither an id nor a time, where the source says so.
 */
function describe({ source, headers, payload, bodySha256 }: VerifiedRequest): Delivery {
  if (!isObject(payload)) return UNPARSEABLE;
  const event = headerOf(headers, "x-github-event");
  const guid = headerOf(headers, "x-github-delivery") ?? `sha256:${bodySha256.toString("hex")}`;
  return {
    kind: "event",
    type: event ?? "unknown",
    action: textOf(payload["action"]),
    key: `${headerOf(headers, "x-github-hook-id") ?? ""}:${guid}`,
    contentKey: isRepeatable(source, event) ? null : bodySha256,
  };
}

function isRepeatable({ config }: EventSource, event: string | null): boolean {
  const read = SOURCE_CONFIGS.github.safeParse(config);
  return event !== null && read.success && read.data.repeatable_events?.includes(event) === true;
}

export const github: Sender = {
  describe,
  keptHeaders: [
    "user-agent",
    "x-github-delivery",
    "x-github-event",
    "x-github-hook-id",
    "x-github-hook-installation-target-id",
    "x-github-hook-installation-target-type",
    "x-github-enterprise-host",
    "x-github-enterprise-version",
  ],
};
