import type { ConnectionSource } from "../connection.ts";
import type { CommandIo, parseOptions } from "../command.ts";

export const RETENTION_OPTIONS = {
  "data-dir": { type: "string" },
  organization: { type: "string" },
  action: { type: "string" },
  "dry-run": { type: "boolean", default: false },
  now: { type: "string" },
  days: { type: "string" },
  limit: { type: "string" },
  "wait-seconds": { type: "string" },
  yes: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** One call of `netra retention`. */
export interface RetentionCall {
  values: ReturnType<typeof parseOptions<typeof RETENTION_OPTIONS>>["values"];
  /** Arguments behind the action. */
  rest: readonly string[];
  io: CommandIo;
  source: ConnectionSource;
}
