import { randomBytes } from "node:crypto";
import { Client, escapeIdentifier } from "pg";
import type { TestProject } from "vitest/node";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { startEmbeddedServers } from "./embedded-stack.ts";
import { createRunFolder, removeAbandonedFolders, removeRunFolder } from "./run-folder.ts";
import { databaseAddress, type TestServers, type TestStack } from "./test-stack.ts";

/**
 * Starts the databases of a run and migrates the template that every test file clones. TEST_STACK chooses them:
 * `embedded` (default), `containers` (needs a container engine) or `external` (TEST_DATABASE_URL, TEST_CLICKHOUSE_URL).
 */
export default async function setup(project: Pick<TestProject, "provide">): Promise<() => Promise<void>> {
  await removeAbandonedFolders();
  const folder = await createRunFolder();
  const undo: Array<() => Promise<void>> = [() => removeRunFolder(folder)];
  const tearDown = (): Promise<void> => runAll(undo.toReversed());
  try {
    const servers = await startServers(folder);
    undo.push(() => servers.stop());
    const stack = describeStack(folder, servers);
    undo.push(() => dropTemplate(stack));
    await createTemplate(stack);
    project.provide("testStack", stack);
    return tearDown;
  } catch (error) {
    await tearDown().catch((left: unknown) => {
      throw new Error(`${String(error)}\nAnd what was started is not all gone: ${String(left)}`, {
        cause: error,
      });
    });
    throw error;
  }
}

/** Every step has its turn: a database that cannot be dropped because its server died must not keep the others running. */
async function runAll(steps: ReadonlyArray<() => Promise<void>>): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join("\n"));
}

async function startServers(folder: string): Promise<TestServers> {
  const kind = process.env["TEST_STACK"] ?? "embedded";
  if (kind === "embedded") return startEmbeddedServers(folder);
  if (kind === "external") return externalServers();
  if (kind === "containers") return (await import("./container-stack.ts")).startContainerServers();
  throw new Error(`TEST_STACK is ${kind}; it must be embedded, containers or external`);
}

function externalServers(): TestServers {
  const postgresUrl = process.env["TEST_DATABASE_URL"];
  const clickhouseUrl = process.env["TEST_CLICKHOUSE_URL"];
  if (postgresUrl === undefined || clickhouseUrl === undefined) {
    throw new Error("TEST_STACK=external needs TEST_DATABASE_URL (a superuser's) and TEST_CLICKHOUSE_URL");
  }
  return { postgresUrl, clickhouseUrl, stop: async () => undefined };
}

function describeStack(folder: string, servers: TestServers): TestStack {
  const run = randomBytes(5).toString("hex");
  return {
    folder,
    postgresUrl: servers.postgresUrl,
    clickhouseUrl: servers.clickhouseUrl,
    templateDatabase: `netra_template_${run}`,
    service: { user: `netra_service_${run}`, password: randomBytes(16).toString("hex") },
  };
}

async function createTemplate(stack: TestStack): Promise<void> {
  const databaseUrl = databaseAddress(stack.postgresUrl, stack.templateDatabase);
  await runStatements(stack.postgresUrl, [`create database ${escapeIdentifier(stack.templateDatabase)}`]);
  await migratePostgres({ databaseUrl, direction: "up" });
  await ensureServiceLogin(stack.postgresUrl, stack.service);
}

async function dropTemplate(stack: TestStack): Promise<void> {
  await runStatements(stack.postgresUrl, [
    `drop database if exists ${escapeIdentifier(stack.templateDatabase)} with (force)`,
    `drop role if exists ${escapeIdentifier(stack.service.user)}`,
  ]);
}

async function runStatements(databaseUrl: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
