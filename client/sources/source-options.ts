import type { CommandIo, parseOptions } from "../command.ts";
import type { ConnectionSource } from "../connection.ts";
import { UsageError, EXIT } from "../exit-codes.ts";
import type { InOrganization } from "../in-organization.ts";

export const SOURCE_OPTIONS = {
  kind: { type: "string" },
  name: { type: "string" },
  config: { type: "string" },
  audience: { type: "string" },
  email: { type: "string" },
  hook: { type: "string" },
  "token-ref": { type: "string" },
  "secret-ref": { type: "string" },
  "secret-stdin": { type: "boolean", default: false },
  "overlap-hours": { type: "string" },
  unknown: { type: "boolean", default: false },
  limit: { type: "string" },
  "webhooks-url": { type: "string" },
  organization: { type: "string" },
  "data-dir": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

/** One call of `netra sources`, but for its action. */
export interface SourceCall {
  values: ReturnType<typeof parseOptions<typeof SOURCE_OPTIONS>>["values"];
  /** The argument after the action. */
  name: string | undefined;
  source: ConnectionSource;
  io: CommandIo;
  inOrganization: InOrganization;
}

export function needName(action: string, name: string | undefined): string {
  if (name === undefined) throw new UsageError(`${action} needs the name of a source`);
  return name;
}

/** Says that there is no such source, and with which code that ends. */
export function noSuchSource(name: string, io: CommandIo): number {
  io.err(`netra: there is no source "${name}"\n`);
  return EXIT.failure;
}
