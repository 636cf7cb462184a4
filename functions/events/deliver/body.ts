import type { ClaimedDelivery } from "../../../shared/postgres/event-deliveries.ts";

/** The largest body that is sent, in bytes. A larger payload is left out: the receiver asks for it by the event's id. */
export const BODY_BYTES_MAX = 256 * 1024;

/** What the subscriber calls it: the type with its action, as patterns name it. */
export function sentType({
  event_type: type,
  action,
}: Pick<ClaimedDelivery, "event_type" | "action">): string {
  return action === null ? type : `${type}.${action}`;
}

/** The body of a delivery, the same at every attempt. The payload goes as the database wrote it, digit by digit. */
export function deliveryBody(delivery: ClaimedDelivery): Buffer {
  const { payload } = delivery;
  const whole = payload === null ? null : Buffer.from(compose(delivery, `,"payload":${payload}`));
  if (whole !== null && whole.length <= BODY_BYTES_MAX) return whole;
  return Buffer.from(compose(delivery, delivery.has_payload ? `,"payload_omitted":true` : `,"payload":null`));
}

function compose(delivery: ClaimedDelivery, payloadMember: string): string {
  const { event_id, source, repository, provider_time: happened, received_at: received } = delivery;
  const head = { type: sentType(delivery), timestamp: (happened ?? received).toISOString() };
  const data = JSON.stringify({ event_id, source, repository });
  return `${JSON.stringify(head).slice(0, -1)},"data":${data.slice(0, -1)}${payloadMember}}}`;
}
