const REVERSED_POLYNOMIAL = 0x82f63b78;

/** The CRC-32C (Castagnoli) of the bytes, which Google uses; zlib has the CRC-32 of ZIP only. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ REVERSED_POLYNOMIAL : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
