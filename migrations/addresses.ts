import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseConfig } from "../shared/config.ts";
import {
  checkDatabase,
  DATABASE_ENVIRONMENT,
  databaseOf,
  WITH_OTHER_FAULTS,
} from "../shared/postgres/environment.ts";
import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { createSecretSource } from "../shared/secret-source.ts";
import { SECRETS_ENVIRONMENT, secretPlacesOf } from "../shared/secrets-environment.ts";
import { errorText } from "./error-text.ts";
import { MigrationError } from "./migration-error.ts";

export interface Addresses {
  database: DatabaseAddress | undefined;
  clickhouseUrl: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const connectionFile = z.object({
  adminDatabaseUrl: z.string().optional(),
  clickhouseUrl: z.string().optional(),
});

const cloudSqlEnvironment = z
  .object({ ...DATABASE_ENVIRONMENT, ...SECRETS_ENVIRONMENT })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS);

/**
 * Addresses of the databases to migrate: NETRA_ADMIN_DATABASE_URL, or an instance of Cloud SQL by the variables the functions
 * have, and CLICKHOUSE_URL; where none is set those of the local stack, which writes connection.json into its data folder.
 * Never a mixture of the two, so that one command cannot change a cloud database and a local one.
 */
export async function findAddresses(env: Env): Promise<Addresses> {
  const databaseUrl = env["NETRA_ADMIN_DATABASE_URL"] || undefined;
  const clickhouseUrl = env["CLICKHOUSE_URL"] || undefined;
  const isCloudSql = (env["INSTANCE_CONNECTION_NAME"] ?? "") !== "";
  if (databaseUrl !== undefined || clickhouseUrl !== undefined || isCloudSql) {
    checkUrl(
      "NETRA_ADMIN_DATABASE_URL",
      databaseUrl,
      /^postgres(ql)?:$/,
      "postgres://user:password@host/database",
    );
    checkUrl("CLICKHOUSE_URL", clickhouseUrl, /^https?:$/, "http://user:password@host:8123/netra_analytics");
    if (isCloudSql) return { database: findCloudSql(env, databaseUrl), clickhouseUrl };
    return { database: databaseUrl === undefined ? undefined : { databaseUrl }, clickhouseUrl };
  }
  const path = join(env["NETRA_DATA_DIR"] || ".netra", "connection.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return { database: undefined, clickhouseUrl: undefined };
  }
  try {
    const found = connectionFile.parse(JSON.parse(text));
    const { adminDatabaseUrl } = found;
    return {
      database: adminDatabaseUrl === undefined ? undefined : { databaseUrl: adminDatabaseUrl },
      clickhouseUrl: found.clickhouseUrl,
    };
  } catch (error) {
    throw new MigrationError(`${path} is not what the local stack writes. Start it again with: npm start`, {
      cause: error,
    });
  }
}

function findCloudSql(env: Env, databaseUrl: string | undefined): DatabaseAddress {
  if (databaseUrl !== undefined) {
    throw new MigrationError(
      "NETRA_ADMIN_DATABASE_URL and INSTANCE_CONNECTION_NAME are both set, and name one database each. Set one of them.",
    );
  }
  try {
    // The functions' own address says nothing here.
    const config = parseConfig(cloudSqlEnvironment, { ...env, DATABASE_URL: undefined });
    const secrets = createSecretSource({
      env: {},
      ...secretPlacesOf(config),
      log: () => undefined,
      now: Date.now,
    });
    return databaseOf(config, secrets);
  } catch (error) {
    throw new MigrationError(errorText(error), { cause: error });
  }
}

function checkUrl(name: string, value: string | undefined, protocol: RegExp, example: string): void {
  if (value === undefined) return;
  if (!URL.canParse(value) || !protocol.test(new URL(value).protocol)) {
    throw new MigrationError(`${name} is not an address of the form ${example}. Correct the variable.`);
  }
}

/** The database as people know it. */
export function describeDatabase(address: DatabaseAddress): string {
  if ("databaseUrl" in address) return describeAddress(address.databaseUrl);
  const { database, connectionName, user } = address.cloudSql;
  return `${database} at ${connectionName} as ${user}`;
}

/** `netra at 127.0.0.1:5432`: what people need to know the target by, without its password. */
export function describeAddress(address: string): string {
  const url = new URL(address);
  return `${url.pathname.slice(1) || "default database"} at ${url.host}`;
}
