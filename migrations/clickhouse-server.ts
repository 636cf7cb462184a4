import { text } from "node:stream/consumers";
import { ClickHouseError } from "@clickhouse/client";
import { type ClickHouse, createClickHouse } from "../shared/clickhouse/client.ts";
import { fillTemplate, type TemplateContext } from "./clickhouse-template.ts";
import { errorText } from "./error-text.ts";
import { MigrationError } from "./migration-error.ts";

/** A client for statements that may take minutes. */
export function openClient(url: string): ClickHouse {
  return createClickHouse({ url, requestTimeoutMs: 600_000, maxOpenConnections: 1 });
}

/** Leaves a database that is there alone: the user of a managed server may not be allowed to make one. */
export async function ensureDatabase(
  client: ClickHouse,
  url: string,
  context: TemplateContext,
): Promise<void> {
  const withoutDatabase = new URL(url);
  withoutDatabase.pathname = "/default";
  const creator = openClient(withoutDatabase.href);
  try {
    await client.command({ query: "select 1" }).catch(async (error: unknown) => {
      if (!isMissing(error)) throw error;
      await creator.command({
        query: fillTemplate("create database if not exists {{database}} {{on_cluster}}", context, "database"),
      });
    });
  } catch (error) {
    throw connectionProblem(error);
  } finally {
    await creator.close();
  }
}

/** `check grant` takes no format clause, so its answer is read as text. */
export async function hasAccessControl(client: ClickHouse): Promise<boolean> {
  const { stream } = await client.exec({ query: "check grant create role, create row policy on *.*" });
  return (await text(stream)).trim() === "1";
}

/** UNKNOWN_DATABASE and UNKNOWN_TABLE: nothing was migrated yet. */
export function isMissing(error: unknown): boolean {
  return error instanceof ClickHouseError && (error.code === "81" || error.code === "60");
}

export function connectionProblem(error: unknown): MigrationError {
  return new MigrationError(
    `ClickHouse did not answer as expected: ${errorText(error)}. Check that it runs (the local stack: npm start) and that CLICKHOUSE_URL is its address.`,
    { cause: error },
  );
}
