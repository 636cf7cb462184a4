import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { SOURCE_CONFIGS } from "./event-source-config.ts";
import type { SourceKind } from "./event-source.ts";

/** How the text of a secret spells its key. */
export interface SecretFormat {
  encoding: "utf8" | "base64" | "hex";
  stripPrefix?: string;
  /** What follows it is the public key of Ed25519, in base64. */
  publicKeyPrefix?: string;
}

/** `ed25519` keys are public, all others shared. */
export interface VerificationKey {
  kind: "shared" | "public";
  key: KeyObject;
}

/** https://github.com/standard-webhooks/standard-webhooks */
export const STANDARD_SECRET: SecretFormat = {
  encoding: "base64",
  stripPrefix: "whsec_",
  publicKeyPrefix: "whpk_",
};

const ED25519_BYTES = 32;

/** The format of the secrets of a kind; throws where the config of a `signed` source is not right. */
export function secretFormatOf(kind: SourceKind, config: Readonly<Record<string, unknown>>): SecretFormat {
  if (kind === "standard") return STANDARD_SECRET;
  if (kind !== "signed") return { encoding: "utf8" };
  const { encoding, strip_prefix: stripPrefix } = SOURCE_CONFIGS.signed.parse(config).secret;
  return { encoding, ...(stripPrefix === undefined ? {} : { stripPrefix }) };
}

/** The key in a secret's text, or null when it holds none: an empty key would let everybody sign. */
export function readSigningKey(format: SecretFormat, text: string): VerificationKey | null {
  const { publicKeyPrefix, stripPrefix, encoding } = format;
  if (publicKeyPrefix !== undefined && text.startsWith(publicKeyPrefix)) {
    const raw = decodeStrictly("base64", text.slice(publicKeyPrefix.length));
    return raw?.length === ED25519_BYTES ? { kind: "public", key: publicKey(raw) } : null;
  }
  const bare =
    stripPrefix !== undefined && text.startsWith(stripPrefix) ? text.slice(stripPrefix.length) : text;
  const bytes =
    encoding === "utf8" ? Buffer.from(bare, "utf8") : decodeStrictly(encoding, padded(bare, encoding), true);
  return bytes === null || bytes.length === 0 ? null : { kind: "shared", key: createSecretKey(bytes) };
}

/** Strict: bytes have one spelling, so that no changed character goes unnoticed. Hex digits may be large with `anyCase`. */
export function decodeStrictly(encoding: "hex" | "base64", text: string, anyCase = false): Buffer | null {
  const bytes = Buffer.from(text, encoding);
  const spelled = bytes.toString(encoding);
  return spelled === (anyCase && encoding === "hex" ? text.toLowerCase() : text) ? bytes : null;
}

/** Secrets are also handed out without the padding of base64. */
function padded(text: string, encoding: "hex" | "base64"): string {
  const trimmed = text.trim();
  return encoding === "hex" ? trimmed : trimmed.padEnd(Math.ceil(trimmed.length / 4) * 4, "=");
}

function publicKey(raw: Buffer): KeyObject {
  return createPublicKey({
    format: "jwk",
    key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") },
  });
}
