import { join } from "node:path";
import { runner } from "node-pg-migrate";
import { type ClientBase, DatabaseError } from "pg";
import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { errorText } from "./error-text.ts";
import { MigrationError } from "./migration-error.ts";
import {
  type Direction,
  type MigrationFile,
  readMigrationFiles,
  splitStatements,
} from "./migration-files.ts";
import { takeMigrationLock } from "./migration-lock.ts";
import {
  type AppliedMigration,
  checkHistory,
  describeStatus,
  type MigrationStatus,
  planMigrations,
} from "./migration-plan.ts";
import type { MigrationProgress } from "./migration-progress.ts";
import { connectPostgres } from "./postgres-connection.ts";
import { openHistory, listAppliedMigrations, openingSettings } from "./postgres-history.ts";

/*
 * PostgreSQL migrations: node-pg-migrate runs them, each file in one transaction with its row in `schema_migrations`.
 * Ours around it: the lock (one for reading the history, checking it and running), checksums, the shape of
 * `schema_migrations`, and `-- no-transaction` files, whose statements are set apart by `-- @statement` lines and must
 * bear being run again (`drop index concurrently if exists` before `create index concurrently`).
 */

export const POSTGRES_MIGRATIONS = join(import.meta.dirname, "postgres");

/** The address with a login that owns the database. */
export type PostgresMigrationOptions = DatabaseAddress & { directory?: string };

export type MigratePostgresOptions = PostgresMigrationOptions & {
  direction: Direction;
  /** Steps at most; without it `up` takes all pending and `down` takes one. */
  count?: number;
  onProgress?: (progress: MigrationProgress) => void;
  /** How long to wait for another runner, in milliseconds. */
  lockWaitMs?: number;
};

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/**
 * Migrates up or down and returns the names in the order they ran. Any number of runners may start at once: one works,
 * the others wait and find nothing left to do. A file that fails is rolled back whole; those before it stay.
 * Throws MigrationError with the file and the next step.
 */
export async function migratePostgres(options: MigratePostgresOptions): Promise<{ applied: string[] }> {
  const directory = options.directory ?? POSTGRES_MIGRATIONS;
  const files = await readMigrationFiles(directory);
  await using connection = await connectPostgres(options);
  const { client } = connection;
  await using _lock = await takeMigrationLock(
    client,
    "netra postgres migrations",
    options.lockWaitMs ?? 120_000,
  );
  await openHistory(client);
  const history = await listAppliedMigrations(client);
  checkHistory(files, history);
  const planned = planMigrations(files, history, options.direction, options.count);
  if (planned.length > 0) await run(client, directory, files, planned, options);
  return { applied: planned.map((file) => file.name) };
}

/** Every migration with its state; changes nothing, not even a database that was never migrated. */
export async function listPostgresMigrations(options: PostgresMigrationOptions): Promise<MigrationStatus[]> {
  const { files, history } = await readPostgresHistory(options);
  return describeStatus(files, history);
}

/** The names `migratePostgres` would run now, in order; throws what it would throw for a changed history. */
export async function planPostgresMigrations(
  options: PostgresMigrationOptions & { direction: Direction; count?: number },
): Promise<string[]> {
  const { files, history } = await readPostgresHistory(options);
  checkHistory(files, history);
  return planMigrations(files, history, options.direction, options.count).map((file) => file.name);
}

async function readPostgresHistory(
  options: PostgresMigrationOptions,
): Promise<{ files: MigrationFile[]; history: AppliedMigration[] }> {
  const files = await readMigrationFiles(options.directory ?? POSTGRES_MIGRATIONS);
  await using connection = await connectPostgres(options);
  return { files, history: await listAppliedMigrations(connection.client) };
}

async function run(
  client: ClientBase,
  directory: string,
  files: readonly MigrationFile[],
  planned: readonly MigrationFile[],
  options: MigratePostgresOptions,
): Promise<void> {
  const { direction } = options;
  let current: MigrationFile | undefined;
  const unit = (file: MigrationFile) => {
    const script = file[direction];
    const action = (pgm: { noTransaction(): unknown; sql(sql: string): unknown }): void => {
      current = file;
      options.onProgress?.({
        database: "postgres",
        direction,
        name: file.name,
        step: planned.indexOf(file) + 1,
        total: planned.length,
      });
      pgm.sql(openingSettings(file, script.noTransaction));
      if (script.noTransaction) {
        pgm.noTransaction();
        for (const statement of splitStatements(script.text)) pgm.sql(statement.sql);
      } else {
        pgm.sql(script.text);
      }
    };
    const unused = (): never => {
      throw new MigrationError(`${file.name} was asked to run in the wrong direction.`, { file: file.name });
    };
    return {
      id: join(directory, `${file.name}.sql`),
      filePaths: [join(directory, script.fileName)],
      actions: {
        up: direction === "up" ? action : unused,
        down: direction === "down" ? action : unused,
        shorthands: {},
      },
    };
  };
  try {
    await runner({
      dbClient: client,
      dir: directory,
      ignorePattern: String.raw`(?!.*\.up\.sql$).*`,
      migrationsTable: "schema_migrations",
      direction,
      count: planned.length,
      singleTransaction: false,
      noLock: true,
      logger: silent,
      migrationLoaderStrategies: [{ extensions: [".sql"], loader: async () => files.map(unit) }],
    });
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw current ? describeFailure(current, direction, error) : error;
  }
}

function describeFailure(file: MigrationFile, direction: Direction, error: unknown): MigrationError {
  const script = file[direction];
  const kept = script.noTransaction
    ? "It runs without a transaction, so what its earlier statements did has stayed"
    : "Nothing of this file was kept";
  return new MigrationError(
    `${script.fileName}${failedLine(script.text, error)}: ${errorText(error)}. ${kept}. Correct the cause and run again: npm run migrate -- ${direction}`,
    { file: script.fileName, cause: error },
  );
}

function failedLine(text: string, error: unknown): string {
  const position = error instanceof DatabaseError ? Number(error.position ?? 0) : 0;
  if (position < 1 || position > text.length) return "";
  return `:${text.slice(0, position).split("\n").length}`;
}
