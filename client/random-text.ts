import { randomInt } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** That many random characters of base 62; each is worth 5.95 bits. */
export function randomText(chars: number): string {
  return Array.from({ length: chars }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");
}
