import { ClickHouseError } from "@clickhouse/client";
import { DatabaseError } from "pg";

/** What a database or a connection had to say, in one line for people. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorText).join("; ");
  if (error instanceof DatabaseError) return `${error.message} (SQLSTATE ${error.code ?? "unknown"})`;
  if (error instanceof ClickHouseError) {
    return `${error.message.trim().replace(/\.$/, "")} (${error.type ?? "code"} ${error.code})`;
  }
  return error instanceof Error ? error.message : String(error);
}
