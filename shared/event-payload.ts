import { isUtf8 } from "node:buffer";
import { readPush } from "./pubsub/push.ts";
import type { SourceKind } from "./event-source.ts";

/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** Whether bytes are text that PostgreSQL can hold: UTF-8 without NUL. */
export function isText(body: Uint8Array): boolean {
  return isUtf8(body) && !body.includes(0);
}

/**
 * What an event says, from its body: JSON as it is, a form by its names (GitHub and Slack put JSON into `payload`), a push
 * as `{attributes, data}` with its data read as JSON where it is. Undefined when the body is none of these.
 */
export function readEventPayload(source: SourceKind, contentType: string, body: string): Json | undefined {
  if (source === "cloud-build" || source === "cloud-deploy") return pushPayload(body);
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return formPayload(body);
  return parseJson(body.startsWith("\uFEFF") ? body.slice(1) : body);
}

function pushPayload(body: string): Json {
  const { attributes, data, messageId, publishTime } = readPush(Buffer.from(body));
  const text = data.toString("utf8");
  return {
    attributes,
    message_id: messageId,
    publish_time: publishTime,
    data: data.length === 0 || !isText(data) ? null : (parseJson(text) ?? text),
  };
}

function formPayload(body: string): Json | undefined {
  const form = new URLSearchParams(body);
  const payload = form.get("payload");
  if (payload !== null) return parseJson(payload);
  const fields = Object.fromEntries(form);
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function parseJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
