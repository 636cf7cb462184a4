import { LIMITS } from "../../shared/agent/execution.ts";
import { maskSecrets } from "../../shared/agent/mask-secrets.ts";
import { asObject } from "./json-value.ts";
import { readLineAt } from "./line-reader.ts";
import { readUserLine } from "./prompt-text.ts";
import type { Prompt } from "./prompts.ts";

const NOTE = "\n[cut by netra import]";
/** Masking looks at this much of a command at most; more would be cut off afterwards anyway. */
const MASKED_BYTES_MAX = 2 * LIMITS.commandBytesMax;

/** The command of a prompt as it is sent: secrets masked, cut to what the server takes. */
export async function commandOf(prompt: Prompt): Promise<string> {
  if (prompt.orphans) return "(resumed without prompt)";
  const { command } = prompt;
  if (typeof command === "string") return sendable(command);
  const line = await readLineAt(command.path, command.offset, command.bytes);
  const text = line === null ? null : commandOfLine(line);
  return text === null ? "(the prompt is no longer in its transcript)" : sendable(text);
}

function commandOfLine(line: string): string | null {
  try {
    const entry = asObject(JSON.parse(line));
    const user = entry === null ? null : readUserLine(entry);
    return user?.kind === "prompt" ? user.command : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Masks first and cuts then, so that no part of a secret is left at the cut. */
function sendable(text: string): string {
  const masked = maskSecrets(cutBytes(text, MASKED_BYTES_MAX));
  const whole =
    masked.length <= LIMITS.commandBytesMax && Buffer.byteLength(masked) <= LIMITS.commandBytesMax;
  if (whole && Buffer.byteLength(text) <= MASKED_BYTES_MAX) return masked;
  return cutBytes(masked, LIMITS.commandBytesMax - Buffer.byteLength(NOTE)) + NOTE;
}

/** The longest beginning of at most `bytesMax` bytes of UTF-8 that ends between two characters. */
export function cutBytes(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text;
  const bytes = Buffer.from(text.slice(0, bytesMax), "utf8");
  if (bytes.length <= bytesMax && text.length <= bytesMax) return text;
  let end = Math.min(bytesMax, bytes.length);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
