import { createHmac, type KeyObject, timingSafeEqual, verify } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { decodeStrictly, type SecretFormat, type VerificationKey } from "../../shared/signing-secret.ts";

/** How one of the signatures of a header is made; `ed25519` keys are public, all others shared. */
interface SignatureVariant {
  /** What stands before the signature, such as `sha256=`. */
  prefix: string;
  algorithm: "sha1" | "sha256" | "sha512" | "ed25519";
  encoding: "hex" | "base64";
}

/** A way to sign a request, as data. */
export interface SignatureScheme {
  /** The names the headers may have, in lower case; the first set whose signature is there counts. */
  headers: readonly { signature: string; timestamp?: string; id?: string }[];
  /** What separates several signatures in one header. */
  itemSeparator?: string;
  /** With it, each item is a name and a value, and the signatures are the values of `field`. */
  fieldSeparator?: string;
  field?: string;
  variants: readonly SignatureVariant[];
  /** What is signed: text with `{body}`, and `{timestamp}` and `{id}` as they stand in the request. */
  template: string;
  /** Hex digits may be large, too. */
  anyCase?: boolean;
  /** The signed time; from a field of the signature's header where `field` is given, else from a header. */
  timestamp?: { field?: string; unitMs: number; toleranceMs: number };
  /** What an id may look like where it is signed. */
  idPattern?: RegExp;
  secret: SecretFormat;
}

type Verification =
  | { kind: "verified"; keyIndex: number }
  | { kind: "refused"; reason: "missing_signature" | "bad_signature" | "stale_timestamp" };

const SIGNATURES_MAX = 16;
const DIGEST_BYTES = { sha1: 20, sha256: 32, sha512: 64, ed25519: 64 } as const;
const PARTS = /(\{body\}|\{timestamp\}|\{id\})/;

/** Why no key can verify a request with these headers; null when it may well be signed. */
export function findSignatureFault(
  scheme: SignatureScheme,
  headers: IncomingHttpHeaders,
): "missing_signature" | "bad_signature" | null {
  const names = namesOf(scheme, headers);
  if (names === undefined) return "missing_signature";
  const items = readItems(scheme, textOf(headers, names.signature));
  return readSignatures(scheme, items).length === 0 ? "bad_signature" : null;
}

/**
 * Whether one of `keys` signed exactly these bytes in this way, and which. Nothing a sender can send makes it throw.
 * `now` is in milliseconds since 1970.
 */
export function verifySignature(
  scheme: SignatureScheme,
  request: { headers: IncomingHttpHeaders; body: Buffer },
  keys: readonly VerificationKey[],
  now: number,
): Verification {
  const names = namesOf(scheme, request.headers);
  if (names === undefined) return { kind: "refused", reason: "missing_signature" };
  const items = readItems(scheme, textOf(request.headers, names.signature));
  const id = textOf(request.headers, names.id);
  if (scheme.idPattern?.test(id) === false) return { kind: "refused", reason: "bad_signature" };
  const timestamp = timestampOf(scheme, items, textOf(request.headers, names.timestamp));
  if (!isFresh(scheme, timestamp, now)) return { kind: "refused", reason: "stale_timestamp" };

  const content = scheme.template.split(PARTS).map((part) => {
    if (part === "{body}") return request.body;
    return part === "{timestamp}" ? timestamp : part === "{id}" ? id : part;
  });
  const signatures = readSignatures(scheme, items);
  for (const [keyIndex, key] of keys.entries()) {
    if (isSignedBy(key, content, signatures)) return { kind: "verified", keyIndex };
  }
  return { kind: "refused", reason: "bad_signature" };
}

function namesOf(
  { headers: names }: SignatureScheme,
  headers: IncomingHttpHeaders,
): SignatureScheme["headers"][number] | undefined {
  return names.find(({ signature }) => textOf(headers, signature) !== "");
}

interface Item {
  name: string;
  value: string;
}
interface GivenSignature {
  algorithm: SignatureVariant["algorithm"];
  bytes: Buffer;
}

function readItems({ itemSeparator, fieldSeparator }: SignatureScheme, header: string): Item[] {
  const texts = itemSeparator === undefined ? [header] : header.split(itemSeparator, SIGNATURES_MAX);
  return texts.map((text) => {
    const trimmed = itemSeparator === undefined ? text : text.trim();
    const at = fieldSeparator === undefined ? -1 : trimmed.indexOf(fieldSeparator);
    if (fieldSeparator === undefined || at === -1) return { name: "", value: trimmed };
    return { name: trimmed.slice(0, at), value: trimmed.slice(at + fieldSeparator.length) };
  });
}

function readSignatures(scheme: SignatureScheme, items: readonly Item[]): GivenSignature[] {
  const signatures: GivenSignature[] = [];
  for (const { name, value } of items) {
    if (name !== (scheme.field ?? "")) continue;
    const variant = scheme.variants.find(({ prefix }) => value.startsWith(prefix));
    if (variant === undefined) continue;
    const bytes = decodeStrictly(variant.encoding, value.slice(variant.prefix.length), scheme.anyCase);
    if (bytes?.length === DIGEST_BYTES[variant.algorithm]) {
      signatures.push({ algorithm: variant.algorithm, bytes });
    }
  }
  return signatures;
}

function timestampOf({ timestamp }: SignatureScheme, items: readonly Item[], header: string): string {
  if (timestamp?.field === undefined) return header;
  const found = items.filter(({ name }) => name === timestamp.field);
  return found.length === 1 ? (found[0]?.value ?? "") : "";
}

/** Only plain digits are a time: no sign, fraction, exponent or hexadecimal, and nothing a repeated header turns into. */
function isFresh({ timestamp }: SignatureScheme, text: string, now: number): boolean {
  if (timestamp === undefined) return true;
  if (!/^\d{1,15}$/.test(text)) return false;
  return Math.abs(now - Number(text) * timestamp.unitMs) <= timestamp.toleranceMs;
}

function isSignedBy(
  key: VerificationKey,
  content: readonly (string | Buffer)[],
  signatures: readonly GivenSignature[],
): boolean {
  const digests = new Map<string, Buffer>();
  return signatures.some(({ algorithm, bytes }) => {
    if (algorithm === "ed25519") return key.kind === "public" && verifyEd25519(key.key, content, bytes);
    if (key.kind === "public") return false;
    const digest = digests.get(algorithm) ?? hmac(algorithm, key.key, content);
    digests.set(algorithm, digest);
    return timingSafeEqual(digest, bytes);
  });
}

function hmac(algorithm: string, key: KeyObject, content: readonly (string | Buffer)[]): Buffer {
  const digest = createHmac(algorithm, key);
  for (const part of content) digest.update(bytesOf(part));
  return digest.digest();
}

function verifyEd25519(key: KeyObject, content: readonly (string | Buffer)[], signature: Buffer): boolean {
  return verify(null, Buffer.concat(content.map(bytesOf)), key, signature);
}

/** Header values are bytes, which Node hands over as one character each. */
function bytesOf(part: string | Buffer): Buffer {
  return typeof part === "string" ? Buffer.from(part, "latin1") : part;
}

function textOf(headers: IncomingHttpHeaders, name: string | undefined): string {
  const value = name === undefined ? undefined : headers[name];
  return typeof value === "string" ? value : "";
}
