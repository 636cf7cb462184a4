/**
 * The text of a secret, without a line break at its end. Throws where it is no UTF-8: other bytes would be read as marks that
 * stand for anything, so that two secrets could be the same.
 */
export function secretText(bytes: Uint8Array): string {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return utf8.decode(bytes).replace(/\r?\n$/, "");
}
