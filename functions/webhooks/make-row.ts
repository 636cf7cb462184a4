import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { v7 as uuidv7 } from "uuid";
import type { IntakeRow } from "../../shared/postgres/event-intake.ts";
import type { Delivery, VerifiedRequest } from "./delivery.ts";

const KEY_CHARS_MAX = 400;
const NAME_CHARS_MAX = 200;
const HEADER_CHARS_MAX = 1_000;

/** What PostgreSQL cannot hold as text, or nobody could read. */
// oxlint-disable-next-line no-control-regex
const UNFIT = /[\u0000-\u001f\u007f\ud800-\udfff]/u;
// oxlint-disable-next-line no-control-regex
const ALL_UNFIT = /[\u0000-\u001f\u007f\ud800-\udfff]/gu;

/** The row of an event. Whatever its sender named it, the row can be stored: names are cut, keys that do not fit hashed. */
export function makeRow(
  request: VerifiedRequest,
  delivery: Extract<Delivery, { kind: "event" }>,
  details: {
    contentType: string;
    headers: Readonly<Record<string, string>>;
    secretId: string | null;
  },
): IntakeRow {
  const { source, body, bodySha256, receivedAt } = request;
  return {
    id: uuidv7({ msecs: receivedAt }),
    received_at: receivedAt,
    source_id: source.id,
    source: source.kind,
    event_type: fitName(`${source.kind}.${delivery.type}`),
    action: delivery.action === null ? null : fitName(delivery.action),
    delivery_key: fitKey(delivery.key),
    content_key: delivery.contentKey,
    body,
    body_sha256: bodySha256,
    is_text: request.isText,
    content_type: details.contentType === "" ? null : fitName(details.contentType),
    headers: details.headers,
    matched_secret_id: details.secretId,
  };
}

/** The headers of the list that are there, each cut to a length. */
export function pickHeaders(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === "string") picked[name] = clean(value).slice(0, HEADER_CHARS_MAX);
  }
  return picked;
}

function fitName(name: string): string {
  return clean(name.length > NAME_CHARS_MAX ? name.slice(0, NAME_CHARS_MAX) : name);
}

function fitKey(key: string): string {
  if (key.length <= KEY_CHARS_MAX && !UNFIT.test(key)) return key;
  return `hash:${createHash("sha256").update(JSON.stringify(key)).digest("hex")}`;
}

function clean(text: string): string {
  return UNFIT.test(text) ? text.replaceAll(ALL_UNFIT, "\uFFFD") : text;
}
