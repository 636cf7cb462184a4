import { z } from "zod";

/** The project of a local stack, which names none. */
const LOCAL_PROJECT = "netra-local";

/** What a function that publishes has to know, as variables of its environment. */
export const PUBSUB_ENVIRONMENT = {
  GOOGLE_CLOUD_PROJECT: z.string().optional(),
  /** Name of the topic of nudges, without its project. */
  NETRA_EVENTS_TOPIC: z
    .string()
    .regex(/^[A-Za-z][\w.~+%-]{2,254}$/, { error: "must be the name of a topic" })
    .default("netra-events"),
  PUBSUB_EMULATOR_HOST: z.string().optional(),
  GCE_METADATA_HOST: z.string().optional(),
};

interface PubsubEnvironment {
  GOOGLE_CLOUD_PROJECT?: string | undefined;
  NETRA_EVENTS_TOPIC: string;
  PUBSUB_EMULATOR_HOST?: string | undefined;
}

/** Whether it is known in which project the topic is. */
export function hasProject(config: PubsubEnvironment): boolean {
  return config.GOOGLE_CLOUD_PROJECT !== undefined || config.PUBSUB_EMULATOR_HOST !== undefined;
}

/** The topic's full name, `projects/<project>/topics/<topic>`. */
export function eventsTopicOf(config: PubsubEnvironment): string {
  return `projects/${config.GOOGLE_CLOUD_PROJECT ?? LOCAL_PROJECT}/topics/${config.NETRA_EVENTS_TOPIC}`;
}
