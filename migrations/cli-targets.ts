import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { type Addresses, describeAddress, describeDatabase } from "./addresses.ts";
import type { DatabaseKind } from "./cli-arguments.ts";
import {
  CLICKHOUSE_MIGRATIONS,
  listClickHouseMigrations,
  migrateClickHouse,
  planClickHouseMigrations,
} from "./clickhouse-migrations.ts";
import { MigrationError } from "./migration-error.ts";
import type { Direction } from "./migration-files.ts";
import type { MigrationStatus } from "./migration-plan.ts";
import type { MigrationProgress } from "./migration-progress.ts";
import {
  listPostgresMigrations,
  migratePostgres,
  planPostgresMigrations,
  POSTGRES_MIGRATIONS,
} from "./postgres-migrations.ts";

export interface Steps {
  direction: Direction;
  count?: number;
}

/** One database the command line works on. */
export interface Target {
  kind: DatabaseKind;
  title: string;
  status: () => Promise<MigrationStatus[]>;
  plan: (steps: Steps) => Promise<string[]>;
  migrate: (
    steps: Steps,
    onProgress: (progress: MigrationProgress) => void,
  ) => Promise<{ applied: string[] }>;
}

export const DIRECTORIES: Readonly<Record<DatabaseKind, string>> = {
  postgres: POSTGRES_MIGRATIONS,
  clickhouse: CLICKHOUSE_MIGRATIONS,
};

/** The databases to work on, PostgreSQL first. Throws MigrationError when the address of a wanted one is unknown. */
export function chooseTargets(
  addresses: Addresses,
  only: DatabaseKind | undefined,
  cluster: string | undefined,
): Target[] {
  const { database, clickhouseUrl } = addresses;
  if (database === undefined) {
    throw new MigrationError(
      only === "clickhouse"
        ? "The lock for ClickHouse migrations is held in PostgreSQL, whose address is not known. Set NETRA_ADMIN_DATABASE_URL, or run the local stack: npm start. For Cloud SQL set INSTANCE_CONNECTION_NAME and DATABASE_USER"
        : "The address of PostgreSQL is not known. Set NETRA_ADMIN_DATABASE_URL, or run the local stack: npm start. For Cloud SQL set INSTANCE_CONNECTION_NAME and DATABASE_USER",
    );
  }
  const targets: Target[] = [];
  if (only !== "clickhouse") targets.push(postgresTarget(database));
  if (only !== "postgres") {
    if (clickhouseUrl === undefined) {
      throw new MigrationError(
        "The address of ClickHouse is not known. Set CLICKHOUSE_URL, or add --only postgres",
      );
    }
    targets.push(clickhouseTarget(database, clickhouseUrl, cluster));
  }
  return targets;
}

function postgresTarget(database: DatabaseAddress): Target {
  return {
    kind: "postgres",
    title: `PostgreSQL ${describeDatabase(database)}`,
    status: () => listPostgresMigrations(database),
    plan: (steps) => planPostgresMigrations({ ...database, ...steps }),
    migrate: (steps, onProgress) => migratePostgres({ ...database, onProgress, ...steps }),
  };
}

function clickhouseTarget(
  database: DatabaseAddress,
  clickhouseUrl: string,
  cluster: string | undefined,
): Target {
  const options = { clickhouseUrl, ...(cluster === undefined ? {} : { cluster }) };
  return {
    kind: "clickhouse",
    title: `ClickHouse ${describeAddress(clickhouseUrl)}`,
    status: () => listClickHouseMigrations(options),
    plan: (steps) => planClickHouseMigrations({ ...options, ...steps }),
    migrate: (steps, onProgress) => migrateClickHouse({ ...options, ...database, onProgress, ...steps }),
  };
}
