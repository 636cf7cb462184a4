import { z } from "zod";
import { OUR_CALLERS_ENVIRONMENT } from "../../shared/check-caller.ts";
import { CLICKHOUSE_ENVIRONMENT } from "../../shared/clickhouse/environment.ts";
import { httpUrl, parseConfig, wholeNumber } from "../../shared/config.ts";
import { checkDatabase, DATABASE_ENVIRONMENT, WITH_OTHER_FAULTS } from "../../shared/postgres/environment.ts";
import { SECRETS_ENVIRONMENT } from "../../shared/secrets-environment.ts";

const environment = z
  .object({
    ...DATABASE_ENVIRONMENT,
    ...CLICKHOUSE_ENVIRONMENT,
    ...SECRETS_ENVIRONMENT,
    GOOGLE_CLOUD_PROJECT: z.string().optional(),
    /** Connections of one instance; the sum over all instances stays below max_connections. */
    NETRA_DATABASE_CONNECTIONS: wholeNumber(8, 4, 100),
    /** Full batches stored at the same time; the rest of the connections serve look-ups and the relay. */
    NETRA_WRITES_IN_FLIGHT: wholeNumber(4, 2, 50),
    NETRA_REQUESTS_PER_SECOND: wholeNumber(500, 1, 1_000_000),
    /** How long the last request of a burst waits for the analytics copy. */
    NETRA_ANALYTICS_WAIT_MS: wholeNumber(100, 0, 10_000),
    NETRA_ANALYTICS_TIMEOUT_MS: wholeNumber(5_000, 100, 20_000),
    /** Whose tokens may call the relay besides the API keys of administrators. */
    ...OUR_CALLERS_ENVIRONMENT,
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .refine((config) => config.NETRA_WRITES_IN_FLIGHT + 2 <= config.NETRA_DATABASE_CONNECTIONS, {
    path: ["NETRA_WRITES_IN_FLIGHT"],
    error: "must leave two of NETRA_DATABASE_CONNECTIONS for look-ups and the relay",
  })
  .refine(
    (config) => (config.NETRA_CALLER_AUDIENCE === undefined) === (config.NETRA_CALLER_EMAILS === undefined),
    {
      path: ["NETRA_CALLER_AUDIENCE"],
      error: "goes with NETRA_CALLER_EMAILS: set both or neither",
    },
  );

export type IngestConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): IngestConfig {
  return parseConfig(environment, env);
}
