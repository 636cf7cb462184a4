import { z } from "zod";
import { httpUrl, parseConfig, postgresUrl, wholeNumber } from "../../shared/config.ts";

const environment = z.object({
  DATABASE_URL: postgresUrl,
  CLICKHOUSE_URL: httpUrl,
  GOOGLE_CLOUD_PROJECT: z.string().optional(),
  /** Connections of one instance; the sum over all instances stays below max_connections. */
  NETRA_DATABASE_CONNECTIONS: wholeNumber(6, 3, 100),
  NETRA_REQUESTS_PER_SECOND: wholeNumber(50, 1, 1_000_000),
  /** How long one question to a store may take. */
  NETRA_QUERY_TIMEOUT_MS: wholeNumber(10_000, 100, 60_000),
  /** How long an answer may be given again while nothing is written; 0 computes each anew. */
  NETRA_SUMMARY_CACHE_MS: wholeNumber(10_000, 0, 600_000),
});

export type InsightsConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): InsightsConfig {
  return parseConfig(environment, env);
}
