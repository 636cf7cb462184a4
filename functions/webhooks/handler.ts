import type { HttpFunction } from "@google-cloud/functions-framework";
import { httpHandler } from "../../shared/http.ts";
import { guardOf } from "../../shared/runtime/guard.ts";
import { traceOf } from "../../shared/trace.ts";
import type { WebhooksContext } from "./context.ts";
import { noteUnread } from "./note-rejection.ts";
import { takeDelivery } from "./take-delivery.ts";

export function createHandler(context: WebhooksContext): HttpFunction {
  let open = 0;
  const handle = httpHandler(context, async (request) => {
    open += 1;
    try {
      const span = { name: "take delivery", kind: "server", parent: traceOf(request) } as const;
      return await context.tracing.inSpan(span, (traceparent) => takeDelivery(context, request, traceparent));
    } finally {
      open -= 1;
      // The platform may take the CPU away once nothing is being answered, so the last request out waits for Pub/Sub.
      if (open === 0) await context.nudges.settled();
    }
  });
  return (request, response): unknown => {
    const { tooLarge = false, crowdedOut = false, receivedBytes = 0 } = guardOf(request) ?? {};
    if (tooLarge) void noteUnread(context, request.path, "too_large", receivedBytes);
    else if (crowdedOut) void noteUnread(context, request.path, "crowded_out", receivedBytes);
    return handle(request, response);
  };
}
