import { z } from "zod";
import { faultWords } from "./fault-words.ts";

/** All faults of the environment at once, by variable name; values are never shown because they may be secrets. */
class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the environment is not complete:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** Reads a configuration from the environment as one pure step. An empty variable counts as one that is not set. */
export function parseConfig<Schema extends z.ZodType>(
  schema: Schema,
  env: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = schema.safeParse(set, { error: faultWords });
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map((issue) => `${issue.path.join(".")}: ${faultOf(issue, set)}`),
  );
}

function faultOf({ code, path, message }: z.core.$ZodIssue, set: Readonly<Record<string, unknown>>): string {
  return code === "invalid_type" && !(String(path[0]) in set) ? "is not set" : message;
}

export const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: "must be a postgres:// URL" });
export const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http(s):// URL" });

/** A whole number in a variable, with its default and bounds. */
export function wholeNumber(fallback: number, min: number, max: number) {
  return z.coerce.number().int().min(min).max(max).default(fallback);
}
