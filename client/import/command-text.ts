import { sendableCommand } from "../sendable-text.ts";
import { asObject } from "./json-value.ts";
import { readLineAt } from "./line-reader.ts";
import { readUserLine } from "./prompt-text.ts";
import type { Prompt } from "./prompts.ts";

/** The command of a prompt as it is sent: secrets masked, cut to what the server takes. */
export async function commandOf(prompt: Prompt): Promise<string> {
  if (prompt.orphans) return "(resumed without prompt)";
  const { command } = prompt;
  if (typeof command === "string") return sendableCommand(command);
  const line = await readLineAt(command.path, command.offset, command.bytes);
  const text = line === null ? null : commandOfLine(line);
  return text === null ? "(the prompt is no longer in its transcript)" : sendableCommand(text);
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
