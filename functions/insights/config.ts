import { z } from "zod";
import { CLICKHOUSE_ENVIRONMENT } from "../../shared/clickhouse/environment.ts";
import { parseConfig, wholeNumber } from "../../shared/config.ts";
import { checkDatabase, DATABASE_ENVIRONMENT, WITH_OTHER_FAULTS } from "../../shared/postgres/environment.ts";
import { SECRETS_ENVIRONMENT } from "../../shared/secrets-environment.ts";

const environment = z
  .object({
    ...DATABASE_ENVIRONMENT,
    ...CLICKHOUSE_ENVIRONMENT,
    ...SECRETS_ENVIRONMENT,
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
    /** Questions of `GET /v1/analytics` computed at once; one organization gets at most half of them. */
    NETRA_ANALYTICS_QUERIES: wholeNumber(4, 1, 64),
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS);

export type InsightsConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): InsightsConfig {
  return parseConfig(environment, env);
}
