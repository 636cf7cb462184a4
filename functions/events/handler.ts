import type { HttpFunction } from "@google-cloud/functions-framework";
import { type Handle, httpHandler, type Reply, route } from "../../shared/http.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import { type Nudge, readNudge } from "../../shared/pubsub/nudge.ts";
import { readPush } from "../../shared/pubsub/push.ts";
import { traceOf } from "../../shared/trace.ts";
import type { EventsContext } from "./context.ts";

const RECONCILE_DEADLINE_MS = 50_000;

/** Tells Pub/Sub that the message needs not come again. */
const ACKNOWLEDGED: Reply = { status: 204, body: "", headers: { "content-type": "text/plain" } };

export function createHandler(context: EventsContext): HttpFunction {
  const push = createPush(context);
  return httpHandler(
    context,
    route({
      "POST /": push,
      "POST /push": push,
      "POST /sweep": createPostSweep(context),
      "POST /reconcile": createPostReconcile(context),
    }),
  );
}

/**
 * Does what a nudge asks for. It is acknowledged once the outcome is in the database, whatever it is: what failed is tried
 * again when its own row says so. A message that is no nudge is acknowledged too, or it would come back for days.
 */
function createPush(context: EventsContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    const message = readPush(request.body);
    const nudge = readNudge(message.attributes);
    if (nudge === null) {
      request.note({ not_a_nudge: 1 });
      context.log("WARNING", "a message that is no nudge was dropped", { message_id: message.messageId });
      return ACKNOWLEDGED;
    }
    request.note({ kind: nudge.kind, organization_id: nudge.organizationId, id: nudge.id });
    const span = {
      name: nudge.kind === "delivery" ? "deliver" : "process event",
      kind: "consumer",
      parent: traceOf({ headers: { traceparent: nudge.traceparent } }),
      attributes: { "netra.id": nudge.id },
    } as const;
    try {
      await context.tracing.inSpan(span, async () => {
        if (nudge.kind === "delivery") await context.deliverer.deliver(nudge);
        else request.note(await processEvent(context, nudge));
      });
    } catch (error) {
      throw asUnavailable(error);
    }
    return ACKNOWLEDGED;
  };
}

async function processEvent(
  context: EventsContext,
  { organizationId, id, receivedAt }: Nudge,
): Promise<Record<string, number>> {
  const { status, isUnknownType } = await context.queue.process(organizationId, { id, receivedAt });
  return { [status]: 1, ...(isUnknownType ? { unknown_types: 1 } : {}) };
}

/** Called by the scheduler every minute; safe to call at any time and twice at once. */
function createPostSweep(context: EventsContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    const swept = await context.sweeper.sweep();
    request.note({ ...swept });
    return { status: 200, body: swept };
  };
}

/** Called by the scheduler; asks GitHub to send again what failed or never came. */
function createPostReconcile(context: EventsContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    try {
      const reconciled = await context.reconciler.reconcile(RECONCILE_DEADLINE_MS);
      request.note({ ...reconciled });
      return { status: 200, body: reconciled };
    } catch (error) {
      throw asUnavailable(error);
    }
  };
}
