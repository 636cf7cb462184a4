import type { Json, JsonObject } from "../../../shared/event-payload.ts";
import { at, isObject } from "./read-json.ts";

const MASK = "[masked]";

/**
 * The payload without the secret that an alert of secret scanning was raised for, which may still open something. Every
 * other payload is returned as it is. The exact body that was signed stays in `events.body`.
 */
export function maskGithubSecrets(payload: Json, kind: string): Json {
  if (!kind.startsWith("secret_scanning_alert") || !isObject(payload)) return payload;
  const alert = at(payload, "alert");
  if (!isObject(alert) || !Object.hasOwn(alert, "secret")) return payload;
  return { ...payload, alert: { ...alert, secret: MASK } } satisfies JsonObject;
}
