import type { HttpFunction } from "@google-cloud/functions-framework";
import { httpHandler } from "../../shared/http.ts";
import { guardOf } from "../../shared/runtime/guard.ts";
import type { WebhooksContext } from "./context.ts";
import { noteUnread } from "./note-rejection.ts";
import { takeDelivery } from "./take-delivery.ts";

export function createHandler(context: WebhooksContext): HttpFunction {
  const handle = httpHandler(context, (request) => takeDelivery(context, request));
  return (request, response): unknown => {
    const { tooLarge = false, crowdedOut = false, receivedBytes = 0 } = guardOf(request) ?? {};
    if (tooLarge) void noteUnread(context, request.path, "too_large", receivedBytes);
    else if (crowdedOut) void noteUnread(context, request.path, "crowded_out", receivedBytes);
    return handle(request, response);
  };
}
