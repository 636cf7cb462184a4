import type { Json } from "../../../shared/event-payload.ts";
import type { Delivery, Sender, VerifiedRequest } from "../delivery.ts";
import { headerOf, isObject, textOf } from "../read-value.ts";
import { type SignedConfig, signedConfig, signedIdHeader } from "../signed-scheme.ts";

/** A sender described by its source's configuration. Without an id, a delivery is told by its body. */
function describe(request: VerifiedRequest): Delivery {
  const config = signedConfig.parse(request.source.config);
  const id = valueAt(config.id, request);
  return {
    kind: "event",
    type: valueAt(config.type, request) ?? "unknown",
    action: null,
    key: id ?? `sha256:${request.bodySha256.toString("hex")}`,
    // An id that is not signed could be made up for a body that was seen before.
    contentKey: id !== null && !isIdSigned(config) ? request.bodySha256 : null,
  };
}

function isIdSigned(config: SignedConfig): boolean {
  return (config.id !== undefined && "body" in config.id) || signedIdHeader(config) !== undefined;
}

function valueAt(place: SignedConfig["id"], { headers, payload }: VerifiedRequest): string | null {
  if (place === undefined) return null;
  return "header" in place ? headerOf(headers, place.header) : textOf(atPointer(payload, place.body));
}

/** The value at an RFC 6901 pointer. */
function atPointer(value: Json | undefined, pointer: string): Json | undefined {
  const names = pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  let found = value;
  for (const name of names) {
    if (isObject(found)) found = Object.hasOwn(found, name) ? found[name] : undefined;
    else found = isArray(found) && INDEX.test(name) ? found[Number(name)] : undefined;
  }
  return found;
}

const INDEX = /^(0|[1-9]\d{0,9})$/;

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export const signed: Sender = { describe, keptHeaders: ["user-agent"] };
