import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@clickhouse/client";
import { Client, DatabaseError, escapeIdentifier } from "pg";
import { inject } from "vitest";
import { migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { databaseAddress } from "./test-stack.ts";

const CLONE_TRIES = 100;
const OBJECT_IN_USE = "55006";

export interface TestDatabases {
  /** As the login of the functions: row-level security applies. */
  databaseUrl: string;
  /** As the owner, who sees everything. */
  adminDatabaseUrl: string;
  clickhouseUrl: string;
  close: () => Promise<void>;
}

/** A migrated PostgreSQL database and a migrated ClickHouse database of the caller's own; both empty. */
export async function createDatabases(): Promise<TestDatabases> {
  const stack = inject("testStack");
  const name = `netra_test_${randomBytes(6).toString("hex")}`;
  const adminDatabaseUrl = databaseAddress(stack.postgresUrl, name);
  const clickhouseUrl = databaseAddress(stack.clickhouseUrl, name);
  await cloneTemplate(stack.postgresUrl, stack.templateDatabase, name);
  await migrateClickHouse({ clickhouseUrl, databaseUrl: adminDatabaseUrl, direction: "up" });
  return {
    databaseUrl: databaseAddress(stack.postgresUrl, name, stack.service),
    adminDatabaseUrl,
    clickhouseUrl,
    close: async () => {
      await runOnPostgres(
        stack.postgresUrl,
        `drop database if exists ${escapeIdentifier(name)} with (force)`,
      );
      await runOnClickHouse(stack.clickhouseUrl, `drop database if exists ${name}`);
    },
  };
}

/** A database without tables on the shared server, for tests of what fills one. */
export async function createEmptyDatabase(): Promise<{
  adminDatabaseUrl: string;
  close: () => Promise<void>;
}> {
  const { postgresUrl } = inject("testStack");
  const name = escapeIdentifier(`netra_empty_${randomBytes(6).toString("hex")}`);
  await runOnPostgres(postgresUrl, `create database ${name}`);
  return {
    adminDatabaseUrl: databaseAddress(postgresUrl, name.replaceAll('"', "")),
    close: () => runOnPostgres(postgresUrl, `drop database if exists ${name} with (force)`),
  };
}

/** Two clones at once: the server refuses the second while the first has the template open, so it is tried again. */
async function cloneTemplate(serverUrl: string, template: string, name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await runOnPostgres(
        serverUrl,
        `create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`,
      );
      return;
    } catch (error) {
      const busy = error instanceof DatabaseError && error.code === OBJECT_IN_USE;
      if (!busy || attempt === CLONE_TRIES) throw error;
      await delay(20 + Math.random() * 80);
    }
  }
}

async function runOnPostgres(databaseUrl: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 20_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function runOnClickHouse(url: string, query: string): Promise<void> {
  const client = createClient({ url });
  try {
    await client.command({ query });
  } finally {
    await client.close();
  }
}
