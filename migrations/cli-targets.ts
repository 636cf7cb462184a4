import type { Addresses } from "./addresses.ts";
import { describeAddress } from "./addresses.ts";
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
  const { databaseUrl, clickhouseUrl } = addresses;
  if (databaseUrl === undefined) {
    throw new MigrationError(
      only === "clickhouse"
        ? "The lock for ClickHouse migrations is held in PostgreSQL, whose address is not known. Set NETRA_ADMIN_DATABASE_URL, or run the local stack: npm start"
        : "The address of PostgreSQL is not known. Set NETRA_ADMIN_DATABASE_URL, or run the local stack: npm start",
    );
  }
  const targets: Target[] = [];
  if (only !== "clickhouse") targets.push(postgresTarget(databaseUrl));
  if (only !== "postgres") {
    if (clickhouseUrl === undefined) {
      throw new MigrationError(
        "The address of ClickHouse is not known. Set CLICKHOUSE_URL, or add --only postgres",
      );
    }
    targets.push(clickhouseTarget(databaseUrl, clickhouseUrl, cluster));
  }
  return targets;
}

function postgresTarget(databaseUrl: string): Target {
  return {
    kind: "postgres",
    title: `PostgreSQL ${describeAddress(databaseUrl)}`,
    status: () => listPostgresMigrations({ databaseUrl }),
    plan: (steps) => planPostgresMigrations({ databaseUrl, ...steps }),
    migrate: (steps, onProgress) => migratePostgres({ databaseUrl, onProgress, ...steps }),
  };
}

function clickhouseTarget(databaseUrl: string, clickhouseUrl: string, cluster: string | undefined): Target {
  const options = { clickhouseUrl, ...(cluster === undefined ? {} : { cluster }) };
  return {
    kind: "clickhouse",
    title: `ClickHouse ${describeAddress(clickhouseUrl)}`,
    status: () => listClickHouseMigrations(options),
    plan: (steps) => planClickHouseMigrations({ ...options, ...steps }),
    migrate: (steps, onProgress) => migrateClickHouse({ ...options, databaseUrl, onProgress, ...steps }),
  };
}
