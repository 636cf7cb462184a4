import type { Message } from "./publisher.ts";

/**
 * What travels through Pub/Sub: which row to look at, never what is in it. The row is the truth, so a nudge that is lost,
 * late or repeated does no harm. Everything is in the attributes; the message has no data.
 */
export interface Nudge {
  kind: "event" | "delivery";
  organizationId: string;
  id: string;
  /** When the event was received, in milliseconds since 1970: it says which partition holds the row. */
  receivedAt: number;
  /** The span that published it, where traces are made. */
  traceparent?: string | undefined;
}

/** Of no other version: what is not understood is left out. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** No event was received before the first or will be after the last; the database has no months out there. */
const RECEIVED_MIN = Date.UTC(2020, 0);
const RECEIVED_MAX = Date.UTC(2100, 0);

export function nudgeMessage({ kind, organizationId, id, receivedAt, traceparent }: Nudge): Message {
  return {
    attributes: {
      kind,
      organization_id: organizationId,
      id,
      received_at: new Date(receivedAt).toISOString(),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/** The nudge in a message's attributes, or null when there is none. */
export function readNudge(attributes: Readonly<Record<string, string>>): Nudge | null {
  const { kind, organization_id: organizationId = "", id = "", received_at: at = "" } = attributes;
  const receivedAt = Date.parse(at);
  if (kind !== "event" && kind !== "delivery") return null;
  if (!UUID.test(organizationId) || !UUID.test(id)) return null;
  // Not the other way round: NaN is within nothing.
  if (!(receivedAt >= RECEIVED_MIN && receivedAt < RECEIVED_MAX)) return null;
  const { traceparent = "" } = attributes;
  return { kind, organizationId, id, receivedAt, ...(TRACEPARENT.test(traceparent) ? { traceparent } : {}) };
}
