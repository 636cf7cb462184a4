import { hash, randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_BYTES = 32;
const SECRET_CHARS = 43;
const PREFIX_CHARS = 12;

/** A new API key: `ntr_` and 32 random bytes in base 62. It can be shown once; only its hash and prefix are kept. */
export function createApiKey(): { key: string; hash: Buffer; prefix: string } {
  let number = BigInt(`0x${randomBytes(SECRET_BYTES).toString("hex")}`);
  let secret = "";
  while (secret.length < SECRET_CHARS) {
    secret = ALPHABET.charAt(Number(number % 62n)) + secret;
    number /= 62n;
  }
  const key = `ntr_${secret}`;
  return { key, hash: hashApiKey(key), prefix: key.slice(0, PREFIX_CHARS) };
}

/** SHA-256 is enough for a key of 256 random bits: there is nothing to guess, so nothing to slow down. */
export function hashApiKey(key: string): Buffer {
  return Buffer.from(hashApiKeyText(key), "base64");
}

/** The same in base64, which is made in a fraction of the time. */
export function hashApiKeyText(key: string): string {
  return hash("sha256", key, "base64");
}

export function looksLikeApiKey(text: string): boolean {
  return /^ntr_[0-9A-Za-z]{43}$/.test(text);
}
