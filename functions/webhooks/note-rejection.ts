import { describeError } from "../../shared/log.ts";
import type { HttpRequest } from "../../shared/http.ts";
import type { EventSource } from "../../shared/postgres/event-sources.ts";
import { type Address, readAddress } from "./address.ts";
import type { WebhooksContext } from "./context.ts";
import { pickHeaders } from "./make-row.ts";
import { messageOf, type RefusalReason } from "./refusals.ts";

/** The headers that say why without giving anything away. */
const REJECTED_HEADERS = [
  "user-agent",
  "content-type",
  "content-encoding",
  "x-github-delivery",
  "x-github-event",
  "x-github-hook-id",
  "x-slack-request-timestamp",
  "x-slack-retry-num",
  "x-slack-retry-reason",
  "linear-delivery",
  "linear-event",
  "linear-timestamp",
  "webhook-id",
  "webhook-timestamp",
  "svix-id",
  "svix-timestamp",
];

/** Writes down that a request was turned away; the request does not wait for it. */
export function noteRejection(
  context: WebhooksContext,
  request: HttpRequest,
  { kind, endpointId }: Address,
  source: EventSource | null,
  reason: RefusalReason,
  detail: string = messageOf(reason),
): void {
  const { contentType, contentEncoding, body, bodyBytes, isBodyKept } = request;
  context.rejected.add({
    source: source === null ? null : { id: source.id, organizationId: source.organization_id },
    kind,
    endpointId,
    reason,
    detail,
    headers: pickHeaders(
      { ...request.headers, "content-type": contentType, "content-encoding": contentEncoding },
      REJECTED_HEADERS,
    ),
    bodyBytes,
    body: isBodyKept ? body : null,
  });
}

/** The same for a request that never reached the handler, because its body was not kept. */
export async function noteUnread(
  context: WebhooksContext,
  path: string,
  reason: "too_large" | "crowded_out",
  bodyBytes: number,
): Promise<void> {
  const address = readAddress(path);
  if (address === null) return;
  try {
    const source = await context.sources.find(address.endpointId);
    context.rejected.add({
      ...address,
      source: source === null ? null : { id: source.id, organizationId: source.organization_id },
      reason,
      detail: messageOf(reason),
      headers: {},
      bodyBytes,
      body: null,
    });
  } catch (error) {
    context.log("WARNING", "a rejected request was not written down", describeError(error));
  }
}
