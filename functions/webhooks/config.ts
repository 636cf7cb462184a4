import { z } from "zod";
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
    /** For each source but GitHub's, whose senders never come again. */
    NETRA_REQUESTS_PER_SECOND: wholeNumber(1_000, 1, 1_000_000),
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    /** How long an answer waits for Pub/Sub; what is not published by then is published later. */
    NETRA_PUBLISH_WAIT_MS: wholeNumber(1_000, 0, 10_000),
  })
  .superRefine(checkDatabase, WITH_OTHER_FAULTS)
  .refine(hasProject, { path: ["GOOGLE_CLOUD_PROJECT"], error: "is not set" });

export type WebhooksConfig = z.output<typeof environment> & {
  /** The topic's full name, `projects/<project>/topics/<topic>`. */
  eventsTopic: string;
  /** Where `env:` secrets are. */
  secretsEnv: Readonly<Record<string, string | undefined>>;
};

export function readConfig(env: Readonly<Record<string, string | undefined>>): WebhooksConfig {
  const config = parseConfig(environment, env);
  return { ...config, eventsTopic: eventsTopicOf(config), secretsEnv: env };
}
