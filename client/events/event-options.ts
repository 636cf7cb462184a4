import type { CommandIo, parseOptions } from "../command.ts";
import type { InOrganization } from "../in-organization.ts";

export const EVENT_OPTIONS = {
  source: { type: "string" },
  type: { type: "string" },
  status: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
  limit: { type: "string" },
  body: { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  yes: { type: "boolean", default: false },
  organization: { type: "string" },
  "data-dir": { type: "string" },
  json: { type: "boolean", default: false },
} as const;
export type EventValues = ReturnType<typeof parseOptions<typeof EVENT_OPTIONS>>["values"];

/** One call of `netra events`, but for its action. */
export interface EventCall {
  values: EventValues;
  /** The arguments after the action. */
  rest: readonly string[];
  io: CommandIo;
  inOrganization: InOrganization;
}
