import type { HttpFunction } from "@google-cloud/functions-framework";
import { httpHandler } from "../../shared/http.ts";
import { guardOf } from "../../shared/runtime/guard.ts";
import type { WebhooksContext } from "./context.ts";
import { noteTooLarge } from "./note-rejection.ts";
import { takeDelivery } from "./take-delivery.ts";

export function createHandler(context: WebhooksContext): HttpFunction {
  const handle = httpHandler(context, (request) => takeDelivery(context, request));
  return (request, response): unknown => {
    if (guardOf(request)?.tooLarge === true) void noteTooLarge(context, request.path);
    return handle(request, response);
  };
}
