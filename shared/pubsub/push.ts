import { z } from "zod";
import { AppError } from "../errors.ts";

/** A message as a push subscription delivers it. */
export interface PushedMessage {
  messageId: string;
  publishTime: string | null;
  attributes: Record<string, string>;
  data: Buffer;
  subscription: string | null;
  /** Counted by Pub/Sub where the subscription has a dead-letter topic. */
  deliveryAttempt: number | null;
}

const attributes = z.record(z.string(), z.string()).nullish();
const message = z.object({
  data: z.string().nullish(),
  attributes,
  messageId: z.string().nullish(),
  message_id: z.string().nullish(),
  publishTime: z.string().nullish(),
  publish_time: z.string().nullish(),
});
const envelope = z.object({
  message,
  subscription: z.string().nullish(),
  deliveryAttempt: z.number().int().nullish(),
});
/** The same inside a structured CloudEvent, as Eventarc sends it. */
const cloudEvent = z.object({ specversion: z.string(), data: envelope });

/**
 * Reads the body of a push: the wrapped envelope, which is also the body of a binary CloudEvent, or a structured
 * CloudEvent. A message without data, whose attributes say everything, is one like any other.
 */
export function readPush(body: Buffer): PushedMessage {
  const value = parse(body);
  const structured = cloudEvent.safeParse(value);
  const read = structured.success
    ? { success: true as const, data: structured.data.data }
    : envelope.safeParse(value);
  if (!read.success) {
    throw new AppError("bad_request", "the body is no Pub/Sub push: an object with `message` is needed");
  }
  const { message: found, subscription, deliveryAttempt } = read.data;
  return {
    messageId: found.messageId ?? found.message_id ?? "",
    publishTime: found.publishTime ?? found.publish_time ?? null,
    attributes: found.attributes ?? {},
    data: Buffer.from(found.data ?? "", "base64"),
    subscription: subscription ?? null,
    deliveryAttempt: deliveryAttempt ?? null,
  };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new AppError("bad_request", "the body is not JSON");
  }
}
