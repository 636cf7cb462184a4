import { AppError } from "../../shared/errors.ts";
import type { HttpRequest, Reply } from "../../shared/http.ts";
import type { IntakeRow } from "../../shared/postgres/event-intake.ts";
import type { EventSource } from "../../shared/postgres/event-sources.ts";
import { readAddress } from "./address.ts";
import { findHeadFault } from "./admission.ts";
import type { WebhooksContext } from "./context.ts";
import { findActive } from "./find-source.ts";
import { bodyBytesMax } from "./limits.ts";
import { makeRow, pickHeaders } from "./make-row.ts";
import { noteRejection } from "./note-rejection.ts";
import { readVerified } from "./read-verified.ts";
import { type RefusalReason, refusalOf, unavailable } from "./refusals.ts";
import { SENDERS } from "./senders/all.ts";
import type { StoreOutcome } from "./store-events.ts";
import { verifyDelivery } from "./verify-delivery.ts";
import { verifyPush } from "./verify-push.ts";

/** Takes one delivery, from the cheapest guard to the costliest, and answers once it is stored. */
export async function takeDelivery(
  context: WebhooksContext,
  request: HttpRequest,
  traceparent: string | undefined,
): Promise<Reply> {
  const address = readAddress(request.path);
  if (address === null) throw new AppError("not_found", "events are sent to /{kind}/{endpoint}");
  if (request.method !== "POST") {
    throw new AppError("method_not_allowed", "events are sent by POST", { headers: { allow: "POST" } });
  }
  let source: EventSource | null = null;
  const refuse = (
    reason: RefusalReason,
    options: { detail?: string; retryAfterSeconds?: number } = {},
  ): AppError => {
    request.note({ reason });
    if (reason !== "rate_limited") noteRejection(context, request, address, source, reason, options.detail);
    return refusalOf(reason, options);
  };

  const arrivedAt = context.now();
  source = await findActive(context.sources, address.endpointId);
  if (request.body.length > bodyBytesMax(address.kind)) throw refuse("too_large");
  if (source === null) throw refuse("unknown_endpoint");
  request.note({ organization_id: source.organization_id, source_id: source.id });
  if (source.kind !== address.kind) throw refuse("wrong_kind");
  if (source.status !== "active") throw refuse("disabled");
  // What was not admitted for another reason is as good as crowded out: by now the source may be there.
  if (!request.isBodyKept) throw refuse(findHeadFault(source, request.headers) ?? "crowded_out");

  const isPush = source.kind === "cloud-build" || source.kind === "cloud-deploy";
  const verified = isPush
    ? await verifyPush(context.oidc, source, request)
    : await verifyDelivery(context, source, { ...address, arrivedAt }, request);
  if (verified.kind === "refused") throw refuse(verified.reason);
  // Only what the sender itself sent counts: strangers cannot use it up.
  const waitSeconds = source.kind === "github" ? 0 : context.limiter.take(source.id);
  if (waitSeconds > 0) throw refuse("rate_limited", { retryAfterSeconds: waitSeconds });
  if (verified.secretId !== null) context.touches.touch(source.organization_id, verified.secretId);

  const read = readVerified(request, source, verified.body, context.now());
  const sender = SENDERS[source.kind];
  const delivery = sender.describe(read);
  if (delivery.kind === "refused") throw refuse(delivery.reason, { detail: delivery.detail });
  if (delivery.kind === "challenge") {
    request.note({ outcome: "challenge" });
    return { status: 200, body: delivery.answer, headers: { "content-type": "text/plain" } };
  }
  const row = makeRow(read, delivery, {
    contentType: request.contentType,
    headers: pickHeaders(request.headers, sender.keptHeaders),
    secretId: verified.secretId,
  });
  const outcome = await store(context, source.organization_id, row);
  if (outcome.kind === "refused") throw refuse("not_storable", { detail: `SQLSTATE ${outcome.sqlState}` });
  const reply = answer(context, request, source.organization_id, row, outcome, traceparent);
  return delivery.isAnswerShown === true ? EMPTY : reply;
}

const EMPTY: Reply = { status: 200, body: "", headers: { "content-type": "text/plain" } };

async function store(
  context: WebhooksContext,
  organizationId: string,
  row: IntakeRow,
): Promise<StoreOutcome> {
  let outcome: StoreOutcome | null = null;
  context.nudges.announce(row.id);
  try {
    outcome = await context.batches.add(organizationId, row, row.body.length);
  } catch (error) {
    throw unavailable(error);
  } finally {
    if (outcome?.kind !== "accepted") context.nudges.withdraw(row.id);
  }
  if (outcome === null) throw unavailable(new Error("too many events wait to be stored"));
  if (outcome.kind === "failed") throw unavailable(outcome.error);
  return outcome;
}

/** Tells the workers, now that it is stored, and then the sender. */
function answer(
  context: WebhooksContext,
  request: HttpRequest,
  organizationId: string,
  row: IntakeRow,
  outcome: Exclude<StoreOutcome, { kind: "refused" }>,
  traceparent: string | undefined,
): Reply {
  const repeated = outcome.kind === "duplicate" ? outcome.event : undefined;
  const id = repeated?.id ?? row.id;
  request.note({ event_id: id, event_type: row.event_type, outcome: outcome.kind });
  const receivedAt = repeated?.received_at ?? row.received_at;
  const nudge = { kind: "event", organizationId, id, receivedAt, traceparent } as const;
  if (outcome.kind === "accepted" || repeated?.is_resumed === true) context.nudges.send(nudge);
  else if (repeated?.is_stuck === true) context.nudges.sendAgain(nudge);
  return { status: 200, body: { event: id, outcome: outcome.kind } };
}
