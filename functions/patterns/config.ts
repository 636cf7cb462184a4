import { z } from "zod";
import { CALLER_ENVIRONMENT, missingForCallers } from "../../shared/check-caller.ts";
import { httpUrl, parseConfig, wholeNumber } from "../../shared/config.ts";
import { checkDatabase, DATABASE_ENVIRONMENT, WITH_OTHER_FAULTS } from "../../shared/postgres/environment.ts";
import { SECRETS_ENVIRONMENT } from "../../shared/secrets-environment.ts";

const environment = z
  .object({
    ...DATABASE_ENVIRONMENT,
    ...SECRETS_ENVIRONMENT,
    GOOGLE_CLOUD_PROJECT: z.string().optional(),
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    /** How long a run may go on before it leaves the rest to the next one. */
    NETRA_PATTERNS_RUN_SECONDS: wholeNumber(1_500, 1, 3_500),
    /** How far back, and over how many executions, the past of an organization is learned anew for predictions. */
    NETRA_PREDICTION_DAYS: wholeNumber(365, 1, 3_650),
    NETRA_PREDICTION_EXECUTIONS: wholeNumber(50_000, 100, 1_000_000),
    ...CALLER_ENVIRONMENT,
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .superRefine((config, context) => {
    for (const name of missingForCallers(config)) {
      context.addIssue({ code: "custom", path: [name], message: "is needed with oidc" });
    }
  });

export type PatternsConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): PatternsConfig {
  return parseConfig(environment, env);
}
