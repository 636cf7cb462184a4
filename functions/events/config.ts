import { z } from "zod";
import { CALLER_ENVIRONMENT, missingForCallers } from "../../shared/check-caller.ts";
import { httpUrl, parseConfig, wholeNumber } from "../../shared/config.ts";
import { checkDatabase, DATABASE_ENVIRONMENT, WITH_OTHER_FAULTS } from "../../shared/postgres/environment.ts";
import { eventsTopicOf, hasProject, PUBSUB_ENVIRONMENT } from "../../shared/pubsub/environment.ts";
import { SECRETS_ENVIRONMENT } from "../../shared/secrets-environment.ts";
import { TRACING_ENVIRONMENT } from "../../shared/tracing.ts";

const environment = z
  .object({
    ...DATABASE_ENVIRONMENT,
    ...SECRETS_ENVIRONMENT,
    ...TRACING_ENVIRONMENT,
    ...PUBSUB_ENVIRONMENT,
    /** Connections of one instance; the sum over all instances stays below max_connections. */
    NETRA_DATABASE_CONNECTIONS: wholeNumber(8, 4, 100),
    NETRA_PUBLISH_WAIT_MS: wholeNumber(1_000, 10, 30_000),
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    ...CALLER_ENVIRONMENT,
    /** Lets deliveries go to private addresses and over plain HTTP: for the local stack and tests alone. */
    NETRA_PRIVATE_TARGETS: z.enum(["0", "1"]).default("0"),
    NETRA_GITHUB_API_URL: httpUrl.default("https://api.github.com"),
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .superRefine((config, context) => {
    const missing = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    for (const name of missingForCallers(config)) missing(name, "is needed with oidc");
    if (!hasProject(config)) missing("GOOGLE_CLOUD_PROJECT", "is not set");
  });

export interface EventsConfig extends z.output<typeof environment> {
  /** The full name of the topic of nudges. */
  topic: string;
  /** Where secrets with `env:` references are read. */
  secretsEnv: Readonly<Record<string, string | undefined>>;
}

export function readConfig(env: Readonly<Record<string, string | undefined>>): EventsConfig {
  const config = parseConfig(environment, env);
  return { ...config, topic: eventsTopicOf(config), secretsEnv: env };
}
