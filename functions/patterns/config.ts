import { z } from "zod";
import { CALLER_ENVIRONMENT, missingForCallers } from "../../shared/check-caller.ts";
import { httpUrl, parseConfig, postgresUrl, wholeNumber } from "../../shared/config.ts";

const environment = z
  .object({
    DATABASE_URL: postgresUrl,
    GOOGLE_CLOUD_PROJECT: z.string().optional(),
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    /** How long a run may go on before it leaves the rest to the next one. */
    NETRA_PATTERNS_RUN_SECONDS: wholeNumber(1_500, 1, 3_500),
    ...CALLER_ENVIRONMENT,
  })
  .superRefine((config, context) => {
    for (const name of missingForCallers(config)) {
      context.addIssue({ code: "custom", path: [name], message: "is needed with oidc" });
    }
  });

export type PatternsConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): PatternsConfig {
  return parseConfig(environment, env);
}
