import { setBounded } from "../../shared/bounded-map.ts";
import type { HttpRequest } from "../../shared/http.ts";
import { describeError, type Log } from "../../shared/log.ts";
import type { EventSource, SourceSecret } from "../../shared/postgres/event-sources.ts";
import type { RateLimiter } from "../../shared/rate-limit.ts";
import type { SecretSource } from "../../shared/secret-source.ts";
import { readSigningKey, type VerificationKey } from "../../shared/signing-secret.ts";
import { findScheme } from "./find-scheme.ts";
import type { Sources } from "./find-source.ts";
import type { Inflater } from "./inflate-body.ts";
import { inflatedBytesMax } from "./limits.ts";
import type { RefusalReason } from "./refusals.ts";
import { type SignatureScheme, verifySignature } from "./verify-signature.ts";

export type VerifiedDelivery =
  | { kind: "verified"; body: Buffer; secretId: string | null }
  | { kind: "refused"; reason: RefusalReason };

export interface VerifyContext {
  sources: Sources;
  secrets: SecretSource;
  inflater: Inflater;
  /** Keys that were read from secrets, by format and text. */
  keys: Map<string, VerificationKey>;
  /** How often it is said that a secret is of no use, by reference. */
  complaints: RateLimiter;
  log: Log;
  now: () => number;
}

const KEYS_MAX = 1_000;

/**
 * Proves a request by a signature of one of its source's secrets over the bytes that came, or, where they came as gzip,
 * over what was in it. After a mismatch the source and its secrets are read anew once, for one of them may have been
 * replaced before the request arrived (`arrivedAt`, ms since 1970).
 */
export async function verifyDelivery(
  context: VerifyContext,
  source: EventSource,
  { endpointId, arrivedAt }: { endpointId: string; arrivedAt: number },
  request: HttpRequest,
): Promise<VerifiedDelivery> {
  const scheme = findScheme(source);
  if (scheme === null) return { kind: "refused", reason: "misconfigured" };
  const first = await readKeys(context, scheme, source.secrets);
  const outcome = await tryKeys(context, scheme, source, request, first);
  if (outcome.kind === "verified" || outcome.reason !== "bad_signature") return outcome;

  const renewed = (await context.sources.findSince(endpointId, arrivedAt)) ?? source;
  for (const { reference } of renewed.secrets) context.secrets.forget(reference);
  const again = await readKeys(context, scheme, renewed.secrets);
  return isSame(first, again) ? outcome : tryKeys(context, scheme, source, request, again);
}

interface KnownKeys {
  keys: VerificationKey[];
  /** By the same index as the keys. */
  ids: string[];
  /** What the keys were read from. */
  texts: string[];
  /** A secret that holds could not be had, so that no mismatch is final. */
  isIncomplete: boolean;
}

async function readKeys(
  context: VerifyContext,
  scheme: SignatureScheme,
  secrets: readonly SourceSecret[],
): Promise<KnownKeys> {
  const known: KnownKeys = { keys: [], ids: [], texts: [], isIncomplete: secrets.length === 0 };
  const holding = secrets.filter(({ not_after: notAfter }) => notAfter === null || notAfter > context.now());
  // At once: each may take as long as the sender waits for all of them.
  const texts = await Promise.all(holding.map(({ reference }) => readSecret(context, reference)));
  for (const [index, { id, reference }] of holding.entries()) {
    const text = texts[index] ?? null;
    const key = text === null ? null : keyOf(context, scheme, text);
    if (text !== null && key === null && context.complaints.take(reference) === 0)
      context.log("ERROR", "a secret is not of the form this source needs", { reference });
    if (text === null || key === null) {
      known.isIncomplete = true;
      continue;
    }
    known.keys.push(key);
    known.ids.push(id);
    known.texts.push(text);
  }
  return known;
}

/** Made once for each secret: that takes as long as to verify with it. */
function keyOf({ keys }: VerifyContext, { secret }: SignatureScheme, text: string): VerificationKey | null {
  const name = JSON.stringify([secret, text]);
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = readSigningKey(secret, text);
  if (key !== null) setBounded(keys, name, key, KEYS_MAX);
  return key;
}

async function readSecret({ secrets, log }: VerifyContext, reference: string): Promise<string | null> {
  try {
    return await secrets.read(reference);
  } catch (error) {
    log("ERROR", "a secret of a source cannot be read", { reference, ...describeError(error) });
    return null;
  }
}

function isSame(one: KnownKeys, other: KnownKeys): boolean {
  return one.texts.length === other.texts.length && one.texts.every((text, at) => text === other.texts[at]);
}

async function tryKeys(
  context: VerifyContext,
  scheme: SignatureScheme,
  source: EventSource,
  request: HttpRequest,
  known: KnownKeys,
): Promise<VerifiedDelivery> {
  const verify = (body: Buffer): VerifiedDelivery => {
    const found = verifySignature(scheme, { headers: request.headers, body }, known.keys, context.now());
    if (found.kind === "verified")
      return { kind: "verified", body, secretId: known.ids[found.keyIndex] ?? null };
    return found.reason === "bad_signature" && known.isIncomplete
      ? { kind: "refused", reason: "no_secret" }
      : found;
  };
  const asReceived = verify(request.body);
  const isMismatch = asReceived.kind === "refused" && asReceived.reason === "bad_signature";
  if (!isMismatch && !(asReceived.kind === "refused" && asReceived.reason === "no_secret")) return asReceived;
  if (!/^(x-)?gzip$/.test(request.contentEncoding) || known.keys.length === 0) return asReceived;
  const bytesMax = inflatedBytesMax(source.kind, request.body.length);
  const inflated = await context.inflater.inflate(request.body, bytesMax, verify);
  if (inflated.kind === "crowded_out") return { kind: "refused", reason: "crowded_out" };
  return inflated.kind === "inflated" ? inflated.result : asReceived;
}
