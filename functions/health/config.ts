import { z } from "zod";
import { CALLER_ENVIRONMENT, missingForCallers } from "../../shared/check-caller.ts";
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
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    NETRA_REQUESTS_PER_SECOND: wholeNumber(10, 1, 1_000_000),
    /** Size of the database from which on it is critical. */
    NETRA_DATABASE_GB_MAX: wholeNumber(100, 1, 1_000_000),
    /** Streaming replicas there are meant to be. */
    NETRA_REPLICAS_EXPECTED: wholeNumber(0, 0, 100),
    ...CALLER_ENVIRONMENT,
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .superRefine((config, context) => {
    for (const name of missingForCallers(config)) {
      context.addIssue({ code: "custom", path: [name], message: "is needed with oidc" });
    }
  });

export type HealthConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): HealthConfig {
  return parseConfig(environment, env);
}
