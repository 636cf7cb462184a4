import { createHmac } from "node:crypto";
import { describeError, type Log } from "../../../shared/log.ts";
import type { SecretSource } from "../../../shared/secret-source.ts";

const PREFIX = "whsec_";
const KEY_BYTES_MIN = 24;
const SECRETS_MAX = 10;

/** The key in a secret of Standard Webhooks, `whsec_` and base64 of at least 24 bytes, or null when it is none. */
function readSigningKey(secret: string): Buffer | null {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : "";
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const key = Buffer.from(text, "base64");
  return key.length >= KEY_BYTES_MIN ? key : null;
}

/**
 * The keys of the secrets that hold at `now` (ms), in their order. One that cannot be read is left out, and said in the
 * log by its reference; when none is left, nothing may be sent.
 */
export async function readSigningKeys(
  secrets: readonly { reference: string; not_after: string | null }[],
  options: { source: SecretSource; now: number; log: Log },
): Promise<Buffer[]> {
  const holding = secrets
    .filter(({ not_after: end }) => end === null || Date.parse(end) > options.now)
    .slice(0, SECRETS_MAX);
  const keys: Buffer[] = [];
  for (const { reference } of holding) {
    try {
      const key = readSigningKey(await options.source.read(reference));
      if (key === null) options.log("ERROR", "a signing secret is not whsec_ and base64", { reference });
      else keys.push(key);
    } catch (error) {
      options.log("ERROR", "a signing secret cannot be read", { reference, ...describeError(error) });
    }
  }
  return keys;
}

/** The headers of Standard Webhooks 1.0.0: one signature for each key, over id, time (whole seconds) and body. */
export function signedHeaders(
  keys: readonly Buffer[],
  message: { id: string; seconds: number; body: Buffer },
): Record<string, string> {
  const { id, seconds, body } = message;
  const signatures = keys.map((key) => {
    const digest = createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest("base64");
    return `v1,${digest}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatures.join(" "),
  };
}
