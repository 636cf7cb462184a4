import { hash } from "node:crypto";
import { AppError } from "../../shared/errors.ts";
import { hasMoreValuesThan, PAYLOAD_VALUES_MAX } from "../../shared/count-values.ts";
import { isText, type Json, readEventPayload } from "../../shared/event-payload.ts";
import type { SourceKind } from "../../shared/event-source.ts";
import type { HttpRequest } from "../../shared/http.ts";
import type { EventSource } from "../../shared/postgres/event-sources.ts";
import type { VerifiedRequest } from "./delivery.ts";

const FORM = /^application\/x-www-form-urlencoded\b/i;

/** Reads a request whose sender is proved by these bytes. `now` is in milliseconds since 1970. */
export function readVerified(
  request: HttpRequest,
  source: EventSource,
  body: Buffer,
  now: number,
): VerifiedRequest {
  const bodyIsText = isText(body);
  return {
    source,
    headers: request.headers,
    body,
    bodySha256: hash("sha256", body, "buffer"),
    isText: bodyIsText,
    isForm: FORM.test(request.contentType),
    payload: bodyIsText ? readPayload(source.kind, request.contentType, body) : undefined,
    receivedAt: Math.floor(now),
  };
}

function readPayload(kind: SourceKind, contentType: string, body: Buffer): Json | undefined {
  const text = body.toString("utf8");
  // Reading it would take too much memory. It is kept under what its headers say, and processing tells why it is not read.
  if (hasMoreValuesThan(text, PAYLOAD_VALUES_MAX)) return {};
  try {
    return readEventPayload(kind, contentType, text);
  } catch (error) {
    // A push that is none.
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
