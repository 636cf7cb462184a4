import { LIMITS } from "../shared/agent/execution.ts";
import { maskSecrets } from "../shared/agent/mask-secrets.ts";

const CUT = "\n[cut by netra]";

/** A command as it may leave the machine: secrets masked, then cut to what the server takes. */
export function sendableCommand(text: string): string {
  const masked = maskSecrets(cutBytes(text, 2 * LIMITS.commandBytesMax));
  if (masked.length >= text.length && Buffer.byteLength(masked) <= LIMITS.commandBytesMax) return masked;
  const cut = cutBytes(masked, LIMITS.commandBytesMax - CUT.length);
  return cut === masked && Buffer.byteLength(text) <= 2 * LIMITS.commandBytesMax ? masked : `${cut}${CUT}`;
}

/** An error message as it may leave the machine. */
export function sendableMessage(text: string): string {
  const message = cutBytes(text, 4 * LIMITS.errorMessageCharsMax);
  return maskSecrets(message).slice(0, LIMITS.errorMessageCharsMax);
}

/** The longest beginning of at most `bytesMax` bytes that ends between two characters. */
function cutBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text.slice(0, bytesMax), "utf8");
  let end = Math.min(bytesMax, bytes.length);
  if (end === bytes.length) return bytes.toString("utf8");
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
