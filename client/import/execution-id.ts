import { hash } from "node:crypto";
import { v5 as uuid } from "uuid";

/** Namespace of the identifiers of imported executions; it never changes, or everything would be imported again. */
const NAMESPACE = "6f0c1f0e-4a53-4d2c-9b1d-5a8e3d7c2b94";

/** A prompt keeps its line's id in every copy of a conversation, so the id is made from that and not from the file. */
export function idOfPrompt(lineId: string): string {
  return uuid(`claude-code prompt ${lineId}`, NAMESPACE);
}

/** Requests of a session whose prompt is in none of the files. */
export function idOfOrphans(sessionId: string): string {
  return uuid(`claude-code without prompt ${sessionId}`, NAMESPACE);
}

/** The second and later part of an execution with more requests than one record holds. */
export function idOfPart(executionId: string, part: number): string {
  return uuid(`${executionId} part ${part}`, NAMESPACE);
}

/** Requests that came to light after their execution was closed: named by exactly those requests. */
export function idOfContinuation(executionId: string, requestKeys: readonly string[]): string {
  const named = hash("sha256", [...requestKeys].sort().join("\n"), "hex");
  return uuid(`${executionId} continued ${named}`, NAMESPACE);
}
