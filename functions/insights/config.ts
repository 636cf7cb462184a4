import { z } from "zod";
import { CLICKHOUSE_ENVIRONMENT } from "../../shared/clickhouse/environment.ts";
import { parseConfig, postgresUrl, wholeNumber } from "../../shared/config.ts";
import {
  checkDatabase,
  DATABASE_ENVIRONMENT,
  databaseOf,
  instanceName,
  WITH_OTHER_FAULTS,
} from "../../shared/postgres/environment.ts";
import type { DatabaseAddress } from "../../shared/postgres/pool.ts";
import type { SecretSource } from "../../shared/secret-source.ts";
import { SECRETS_ENVIRONMENT } from "../../shared/secrets-environment.ts";

const REPLICAS_MAX = 20;

/** A comma list of what `one` takes. */
function listOf(one: z.ZodType<string, string>) {
  return z
    .string()
    .default("")
    .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
    .pipe(z.array(one).max(REPLICAS_MAX));
}

const environment = z
  .object({
    ...DATABASE_ENVIRONMENT,
    ...CLICKHOUSE_ENVIRONMENT,
    ...SECRETS_ENVIRONMENT,
    /** Streaming replicas of the database, as comma lists: addresses, or instances of Cloud SQL with the same login. */
    DATABASE_REPLICA_URLS: listOf(postgresUrl),
    REPLICA_INSTANCE_CONNECTION_NAMES: listOf(instanceName),
    /** How long a read waits for a replica to have what the primary has. */
    NETRA_REPLICA_LAG_MS_MAX: wholeNumber(250, 0, 10_000),
    GOOGLE_CLOUD_PROJECT: z.string().optional(),
    /** Connections of one instance; the sum over all instances stays below max_connections. */
    NETRA_DATABASE_CONNECTIONS: wholeNumber(6, 3, 100),
    NETRA_REQUESTS_PER_SECOND: wholeNumber(50, 1, 1_000_000),
    /** How long one question to a store may take. */
    NETRA_QUERY_TIMEOUT_MS: wholeNumber(10_000, 100, 60_000),
    /** How long an answer may be given again while nothing is written; 0 computes each anew. */
    NETRA_SUMMARY_CACHE_MS: wholeNumber(10_000, 0, 600_000),
    /** How old findings may be that took long to work out; 0 works them out again after every commit. */
    NETRA_FINDINGS_AGE_MS: wholeNumber(300_000, 0, 3_600_000),
    /** Questions of `GET /v1/analytics` and `GET /v1/shipped` computed at once; one organization gets at most half of them. */
    NETRA_ANALYTICS_QUERIES: wholeNumber(4, 1, 64),
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .superRefine((config, context) => {
    if (config.REPLICA_INSTANCE_CONNECTION_NAMES.length === 0 || config.INSTANCE_CONNECTION_NAME) return;
    context.addIssue({
      code: "custom",
      path: ["REPLICA_INSTANCE_CONNECTION_NAMES"],
      message: "needs INSTANCE_CONNECTION_NAME; DATABASE_REPLICA_URLS takes other addresses",
    });
  });

export type InsightsConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): InsightsConfig {
  return parseConfig(environment, env);
}

/** The replicas of the configuration, under the names the log has for them. */
export function replicasOf(
  config: InsightsConfig,
  secrets: SecretSource,
): { name: string; address: DatabaseAddress }[] {
  return [
    ...config.DATABASE_REPLICA_URLS.map((databaseUrl) => ({
      name: new URL(databaseUrl).host,
      address: { databaseUrl },
    })),
    ...config.REPLICA_INSTANCE_CONNECTION_NAMES.map((name) => ({
      name,
      address: databaseOf({ ...config, INSTANCE_CONNECTION_NAME: name }, secrets),
    })),
  ];
}
