import { hasMoreValuesThan, PAYLOAD_VALUES_MAX } from "../../shared/count-values.ts";
import { isText } from "../../shared/event-payload.ts";
import { readPush } from "../../shared/pubsub/push.ts";
import type { ClaimedEvent } from "./projection.ts";
import { TooComplexBody } from "./too-complex-body.ts";

/**
 * The payload of an event as JSON text in its sender's own digits, if it is JSON at all: what readEventPayload() reads as a
 * value. Undefined when the body has none. Throws TooComplexBody before anything is read that would take too much memory,
 * and an AppError for a push that is none.
 */
export function payloadTextOf(
  { source, contentType }: Pick<ClaimedEvent, "source" | "contentType">,
  body: string,
): string | undefined {
  if (source === "cloud-build" || source === "cloud-deploy") return pushText(body);
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return formText(body);
  return bounded(body.startsWith("\uFEFF") ? body.slice(1) : body);
}

function pushText(body: string): string {
  const { attributes, data, messageId, publishTime } = readPush(Buffer.from(bounded(body)));
  const head = JSON.stringify({ attributes, message_id: messageId, publish_time: publishTime });
  return `${head.slice(0, -1)},"data":${dataText(data)}}`;
}

function dataText(data: Buffer): string {
  if (data.length === 0 || !isText(data)) return "null";
  const text = data.toString();
  return isJson(bounded(text)) ? text : JSON.stringify(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function formText(body: string): string | undefined {
  if (hasMoreFieldsThan(body, PAYLOAD_VALUES_MAX)) throw new TooComplexBody();
  const form = new URLSearchParams(body);
  const payload = form.get("payload");
  if (payload !== null) return bounded(payload);
  return form.size === 0 ? undefined : JSON.stringify(Object.fromEntries(form));
}

function hasMoreFieldsThan(body: string, max: number): boolean {
  let count = 0;
  for (let at = body.indexOf("&"); at !== -1 && count <= max; at = body.indexOf("&", at + 1)) count += 1;
  return count > max;
}

function bounded(text: string): string {
  if (hasMoreValuesThan(text, PAYLOAD_VALUES_MAX)) throw new TooComplexBody();
  return text;
}
