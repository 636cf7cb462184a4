import { join } from "node:path";
import type { ClickHouse } from "../shared/clickhouse/client.ts";
import { databaseNameOf } from "../shared/clickhouse/database-name.ts";
import { CREATE_HISTORY_TABLE, listClickHouseHistory, recordMigration } from "./clickhouse-history.ts";
import {
  connectionProblem,
  ensureDatabase,
  hasAccessControl,
  isMissing,
  openClient,
} from "./clickhouse-server.ts";
import { clusterName, fillTemplate, type TemplateContext } from "./clickhouse-template.ts";
import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { errorText } from "./error-text.ts";
import { MigrationError } from "./migration-error.ts";
import {
  type Direction,
  type MigrationFile,
  readMigrationFiles,
  type Statement,
  splitStatements,
} from "./migration-files.ts";
import { type MigrationLock, takeMigrationLock } from "./migration-lock.ts";
import {
  type AppliedMigration,
  checkHistory,
  describeStatus,
  type MigrationStatus,
  planMigrations,
} from "./migration-plan.ts";
import { connectPostgres } from "./postgres-connection.ts";
import type { MigrationProgress } from "./migration-progress.ts";

/*
 * ClickHouse migrations: the same files and commands as for PostgreSQL, by a runner of our own. The tools there are cut
 * statements at `;` inside strings or take no lock. Here statements are set apart by `-- @statement` lines, and the lock
 * is taken in PostgreSQL because ClickHouse has none. Statements must bear being run again (`if [not] exists`): a file
 * that stopped half-way is run again from its beginning.
 */

export const CLICKHOUSE_MIGRATIONS = join(import.meta.dirname, "clickhouse");

export interface ClickHouseMigrationOptions {
  /** `http://user:password@host:port/database`; `migrate` makes the database when it is missing. */
  clickhouseUrl: string;
  directory?: string;
  /** Cluster for ON CLUSTER and Replicated engines; undefined or empty for a single server. */
  cluster?: string;
}

/** With the address of the PostgreSQL whose advisory lock keeps runners apart. */
export type MigrateClickHouseOptions = ClickHouseMigrationOptions &
  DatabaseAddress & {
    direction: Direction;
    /** Steps at most; without it `up` takes all pending and `down` takes one. */
    count?: number;
    onProgress?: (progress: MigrationProgress) => void;
    /** How long to wait for another runner, in milliseconds. */
    lockWaitMs?: number;
  };

/** Migrates up or down and returns the names in the order they ran. Throws MigrationError with the file and next step. */
export async function migrateClickHouse(options: MigrateClickHouseOptions): Promise<{ applied: string[] }> {
  const files = await readMigrationFiles(options.directory ?? CLICKHOUSE_MIGRATIONS);
  const context = contextOf(options);
  await using postgres = await connectPostgres(options);
  const client = openClient(options.clickhouseUrl);
  try {
    await using lock = await takeMigrationLock(
      postgres.client,
      `netra clickhouse migrations of ${context.database}`,
      options.lockWaitMs ?? 120_000,
    );
    await ensureDatabase(client, options.clickhouseUrl, context);
    await client.command({ query: fillTemplate(CREATE_HISTORY_TABLE, context, "schema_migrations") });
    const history = await listClickHouseHistory(client);
    checkHistory(files, history);
    const planned = planMigrations(files, history, options.direction, options.count);
    const accessControl = planned.length > 0 && (await hasAccessControl(client));
    for (const [index, file] of planned.entries()) {
      const report = (notice?: string): void =>
        options.onProgress?.({
          database: "clickhouse",
          direction: options.direction,
          name: file.name,
          step: index + 1,
          total: planned.length,
          ...(notice === undefined ? {} : { notice }),
        });
      report();
      await runFile(client, lock, file, options.direction, { context, accessControl, report });
    }
    return { applied: planned.map((file) => file.name) };
  } finally {
    await client.close();
  }
}

/** Every migration with its state; changes nothing, not even a server without the database. */
export async function listClickHouseMigrations(
  options: ClickHouseMigrationOptions,
): Promise<MigrationStatus[]> {
  const { files, history } = await readClickHouseHistory(options);
  return describeStatus(files, history);
}

/** The names `migrateClickHouse` would run now, in order; throws what it would throw for a changed history. */
export async function planClickHouseMigrations(
  options: ClickHouseMigrationOptions & { direction: Direction; count?: number },
): Promise<string[]> {
  const { files, history } = await readClickHouseHistory(options);
  checkHistory(files, history);
  return planMigrations(files, history, options.direction, options.count).map((file) => file.name);
}

async function readClickHouseHistory(
  options: ClickHouseMigrationOptions,
): Promise<{ files: MigrationFile[]; history: AppliedMigration[] }> {
  const files = await readMigrationFiles(options.directory ?? CLICKHOUSE_MIGRATIONS);
  contextOf(options);
  const client = openClient(options.clickhouseUrl);
  try {
    return { files, history: await listClickHouseHistory(client) };
  } catch (error) {
    if (isMissing(error)) return { files, history: [] };
    throw connectionProblem(error);
  } finally {
    await client.close();
  }
}

function contextOf(options: ClickHouseMigrationOptions): TemplateContext {
  const cluster = clusterName(options.cluster);
  try {
    return { database: databaseNameOf(options.clickhouseUrl), cluster };
  } catch (error) {
    throw new MigrationError(errorText(error), { cause: error });
  }
}

interface RunContext {
  context: TemplateContext;
  accessControl: boolean;
  report: (notice: string) => void;
}

async function runFile(
  client: ClickHouse,
  lock: MigrationLock,
  file: MigrationFile,
  direction: Direction,
  { context, accessControl, report }: RunContext,
): Promise<void> {
  const script = file[direction];
  const started = performance.now();
  await recordMigration(client, file, direction === "up" ? "started" : "reverting", 0);
  let leftOut = 0;
  for (const statement of splitStatements(script.text)) {
    lock.assertHeld();
    if (needsAccessControl(statement, script.fileName) && !accessControl) {
      leftOut += 1;
      continue;
    }
    try {
      await client.command({ query: fillTemplate(statement.sql, context, script.fileName) });
    } catch (error) {
      if (error instanceof MigrationError) throw error;
      throw new MigrationError(
        `${script.fileName}:${statement.line}: ${errorText(error)}. The statements before it have taken effect and the file counts as unfinished. Correct the cause and run again, it starts over: npm run migrate -- ${direction}`,
        { file: script.fileName, cause: error },
      );
    }
  }
  if (leftOut > 0) {
    report(
      `${script.fileName}: ${leftOut} ${leftOut === 1 ? "statement" : "statements"} left out, because this user may not make roles and row policies here`,
    );
  }
  const executionMs = Math.round(performance.now() - started);
  await recordMigration(client, file, direction === "up" ? "applied" : "reverted", executionMs);
}

function needsAccessControl(statement: Statement, fileName: string): boolean {
  if (statement.marker === "") return false;
  if (statement.marker === "requires=access-control") return true;
  throw new MigrationError(
    `${fileName}:${statement.line - 1} has the marker "${statement.marker}", which is not known. There is: requires=access-control`,
    { file: fileName },
  );
}
