import { setTimeout as sleep } from "node:timers/promises";
import type { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { crc32c } from "./crc32c.ts";
import { SecretMissing } from "./secret-missing.ts";
import { kindOfReference } from "./secret-reference.ts";
import { secretText } from "./secret-text.ts";

/** Secrets of Secret Manager by the full name of a version. */
export interface SecretManager {
  /**
   * The version's text, without a line break at its end. Throws SecretMissing when the name is none, or the version does
   * not exist, is disabled or destroyed; what else is thrown means that nothing is known of it.
   */
  access: (name: string) => Promise<string>;
}

/** Of one try, with getting a token for it; senders of webhooks wait three seconds in all. */
const TIMEOUT_MS = 1_200;
const TRIES = 2;
const RETRY_AFTER_MS = 200;

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
/** How the REST interface tells a version that is disabled or destroyed: by its status alone, which is 400. */
const INVALID_ARGUMENT = 3;
const GONE_CODES = new Set<unknown>([NOT_FOUND, FAILED_PRECONDITION, INVALID_ARGUMENT]);
/** Asking again at once changes nothing. */
const PERMISSION_DENIED = 7;
/** The token does not hold any more, and the client would use it to its end. */
const UNAUTHENTICATED = 16;

/**
 * Reads secrets with Google's client and the identity of the instance. The client is loaded at the first secret: it takes
 * about 0.17 s of computing and 30 MB, whichever way it then speaks. It speaks REST: a secret is a single answer, for which
 * a channel of gRPC would be kept open.
 */
export function createSecretManager({ apiUrl }: { apiUrl?: string | undefined }): SecretManager {
  let loading: Promise<SecretManagerServiceClient> | null = null;

  async function load(): Promise<SecretManagerServiceClient> {
    const { SecretManagerServiceClient: Client } = await import("@google-cloud/secret-manager");
    return new Client({ fallback: true, ...endpointOf(apiUrl) });
  }

  async function accessOnce(name: string): Promise<string> {
    loading ??= load();
    const client = await loading;
    // The library's own retries wait a second and more, and its timeout begins once it has a token.
    const asked = client.accessSecretVersion({ name }, { timeout: TIMEOUT_MS, retry: null });
    const [version] = await inTime(asked);
    return readPayload(name, version.payload);
  }

  return {
    async access(name) {
      if (kindOfReference(name) !== "version") throw new SecretMissing(name);
      for (let tries = 1; ; tries += 1) {
        try {
          return await accessOnce(name);
        } catch (cause) {
          if (isGone(cause)) throw new SecretMissing(name, { cause });
          if (codeOf(cause) === UNAUTHENTICATED) loading = null;
          if (codeOf(cause) === PERMISSION_DENIED || tries === TRIES) throw cause;
          await sleep(RETRY_AFTER_MS);
        }
      }
    },
  };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const waiting = new AbortController();
  try {
    return await Promise.race([work, endOf(waiting.signal)]);
  } finally {
    waiting.abort();
  }
}

async function endOf(signal: AbortSignal): Promise<never> {
  await sleep(TIMEOUT_MS, undefined, { signal });
  throw new Error("Secret Manager does not answer in time");
}

interface Payload {
  data?: Uint8Array | string | null;
  dataCrc32c?: { toString: () => string } | number | string | null;
}

function readPayload(name: string, payload: Payload | null | undefined): string {
  const data = Buffer.from(payload?.data ?? "");
  if (String(payload?.dataCrc32c) !== String(crc32c(data))) {
    throw new Error(`the secret ${name} does not match its checksum`);
  }
  return secretText(data);
}

/** What has a cause is no answer of Secret Manager but a failure on the way, such as a 404 of the platform for the token. */
function isGone(error: unknown): boolean {
  return error instanceof Error && error.cause === undefined && GONE_CODES.has(codeOf(error));
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function endpointOf(apiUrl: string | undefined): Record<string, unknown> {
  if (apiUrl === undefined) return {};
  const { protocol, hostname, port } = new URL(apiUrl);
  const isPlain = protocol === "http:";
  return {
    apiEndpoint: hostname,
    port: port === "" ? (isPlain ? 80 : 443) : Number(port),
    protocol: isPlain ? "http" : "https",
  };
}
