import type { AccessTokens } from "./access-token.ts";
import { sendRequest } from "./send-request.ts";

export interface Message {
  attributes: Readonly<Record<string, string>>;
  data?: Buffer;
}

export interface Publisher {
  /**
   * Publishes to a topic, `projects/<project>/topics/<topic>`; resolves when Pub/Sub has taken every message. Rejects
   * otherwise, and then some may have been taken.
   */
  publish: (topic: string, messages: readonly Message[], signal: AbortSignal) => Promise<void>;
}

interface PublisherOptions {
  /** `host:port` of an emulator, which speaks the same REST interface without credentials. */
  emulatorHost: string | undefined;
  tokens: AccessTokens;
}

/** Limits of one publish request. */
const MESSAGES_MAX = 1_000;
const PUBLIC_URL = "https://pubsub.googleapis.com";

/** Pub/Sub refused or did not answer. `status` is that of the answer, or null when there was none. */
export class PublishError extends Error {
  readonly status: number | null;

  constructor(status: number | null, options?: ErrorOptions) {
    super(status === null ? "Pub/Sub does not answer" : `Pub/Sub answered ${status}`, options);
    this.name = "PublishError";
    this.status = status;
  }
}

/**
 * Publishes over Pub/Sub's REST interface with the instance's own token. Google's client library does the same at the cost
 * of loading gRPC: about 170 ms and 53 MB at every cold start, which a sender that waits three seconds can ill afford.
 */
export function createPublisher({ emulatorHost, tokens }: PublisherOptions): Publisher {
  const base = emulatorHost === undefined ? PUBLIC_URL : `http://${emulatorHost}`;

  async function send(topic: string, messages: readonly Message[], signal: AbortSignal): Promise<void> {
    const authorization = emulatorHost === undefined ? `Bearer ${await tokens.get(signal)}` : undefined;
    let status: number;
    try {
      ({ status } = await sendRequest(`${base}/v1/${topic}:publish`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: JSON.stringify({
          messages: messages.map(({ attributes, data }) => ({
            attributes,
            ...(data === undefined ? {} : { data: data.toString("base64") }),
          })),
        }),
        signal,
      }));
    } catch (cause) {
      throw new PublishError(null, { cause });
    }
    if (status === 401) tokens.forget();
    if (status < 200 || status > 299) throw new PublishError(status);
  }

  return {
    async publish(topic, messages, signal) {
      for (let at = 0; at < messages.length; at += MESSAGES_MAX) {
        await send(topic, messages.slice(at, at + MESSAGES_MAX), signal);
      }
    },
  };
}
