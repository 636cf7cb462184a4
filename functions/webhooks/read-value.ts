import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Json, JsonObject } from "../../shared/event-payload.ts";

/** The value as an object; an empty one when it is none, so that what is missing reads as absent. */
export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text or number as text; null when it is neither or empty. */
export function textOf(value: Json | undefined): string | null {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : null;
}

/** A header as text; null when it is not there or empty. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : null;
}

/** The SHA-256 of values, told apart whatever they hold; null when they are nested too deeply to be written out. */
export function hashOf(values: readonly (Json | undefined)[]): Buffer | null {
  try {
    return createHash("sha256").update(JSON.stringify(values)).digest();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
