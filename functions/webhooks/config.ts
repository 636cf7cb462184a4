import { z } from "zod";
import { httpUrl, parseConfig, postgresUrl, wholeNumber } from "../../shared/config.ts";

const LOCAL_PROJECT = "netra-local";

const environment = z
  .object({
    DATABASE_URL: postgresUrl,
    GOOGLE_CLOUD_PROJECT: z.string().optional(),
    /** Connections of one instance; the sum over all instances stays below max_connections. */
    NETRA_DATABASE_CONNECTIONS: wholeNumber(8, 4, 100),
    /** For each source but GitHub's, whose senders never come again. */
    NETRA_REQUESTS_PER_SECOND: wholeNumber(1_000, 1, 1_000_000),
    /** Name of the topic, without its project. */
    NETRA_EVENTS_TOPIC: z
      .string()
      .regex(/^[A-Za-z][\w.~+%-]{2,254}$/, { error: "must be the name of a topic" })
      .default("netra-events"),
    PUBSUB_EMULATOR_HOST: z.string().optional(),
    GCE_METADATA_HOST: z.string().optional(),
    /** Folder of `file:` secrets. */
    NETRA_SECRETS_DIR: z.string().optional(),
    NETRA_OIDC_KEYS_URL: httpUrl.optional(),
    /** How long an answer waits for Pub/Sub; what is not published by then is published later. */
    NETRA_PUBLISH_WAIT_MS: wholeNumber(1_000, 0, 10_000),
  })
  .refine(
    (config) => config.GOOGLE_CLOUD_PROJECT !== undefined || config.PUBSUB_EMULATOR_HOST !== undefined,
    { path: ["GOOGLE_CLOUD_PROJECT"], error: "is not set" },
  );

export type WebhooksConfig = z.output<typeof environment> & {
  /** The topic's full name, `projects/<project>/topics/<topic>`. */
  eventsTopic: string;
  /** Where `env:` secrets are. */
  secretsEnv: Readonly<Record<string, string | undefined>>;
};

export function readConfig(env: Readonly<Record<string, string | undefined>>): WebhooksConfig {
  const config = parseConfig(environment, env);
  const project = config.GOOGLE_CLOUD_PROJECT ?? LOCAL_PROJECT;
  return {
    ...config,
    eventsTopic: `projects/${project}/topics/${config.NETRA_EVENTS_TOPIC}`,
    secretsEnv: env,
  };
}
