import { z } from "zod";
import { CALLER_ENVIRONMENT, missingForCallers } from "../../shared/check-caller.ts";
import { CLICKHOUSE_ENVIRONMENT } from "../../shared/clickhouse/environment.ts";
import { httpUrl, parseConfig, wholeNumber } from "../../shared/config.ts";
import { checkDatabase, DATABASE_ENVIRONMENT, WITH_OTHER_FAULTS } from "../../shared/postgres/environment.ts";
import { ARCHIVE_PLACES, isArchivePlace } from "../../shared/retention/open-store.ts";
import { SECRETS_ENVIRONMENT } from "../../shared/secrets-environment.ts";

const environment = z
  .object({
    ...DATABASE_ENVIRONMENT,
    ...CLICKHOUSE_ENVIRONMENT,
    ...SECRETS_ENVIRONMENT,
    GOOGLE_CLOUD_PROJECT: z.string().optional(),
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    /** How long a run may go on before it leaves the rest to the next one. */
    NETRA_RETENTION_RUN_SECONDS: wholeNumber(1_500, 1, 3_500),
    /** Where archived months of executions go: `table`, a folder, or gs://bucket[/prefix]. */
    NETRA_ARCHIVE: z.string().refine(isArchivePlace, ARCHIVE_PLACES).default("table"),
    GCE_METADATA_HOST: z.string().optional(),
    /** Where Cloud Storage is, instead of Google's own address. */
    STORAGE_EMULATOR_HOST: httpUrl.optional(),
    ...CALLER_ENVIRONMENT,
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .superRefine((config, context) => {
    for (const name of missingForCallers(config)) {
      context.addIssue({ code: "custom", path: [name], message: "is needed with oidc" });
    }
  });

export type RetentionConfig = z.output<typeof environment>;

export function readConfig(env: Readonly<Record<string, string | undefined>>): RetentionConfig {
  return parseConfig(environment, env);
}
