import type { AgentMessage } from "./messages.ts";

export interface TextView {
  show(message: AgentMessage): void;
}

interface Screen {
  /** What the agent says. */
  out(text: string): void;
  /** What it does meanwhile. */
  note(text: string): void;
  /** Why it gave up. */
  failure(text: string): void;
}

const DETAIL_KEYS = ["command", "file_path", "pattern", "url", "query", "description"];
const DETAIL_CHARS_MAX = 100;

/** Shows a stream of JSON messages to a person: the main loop's words, and one line for each tool it uses. */
export function createTextView(screen: Screen): TextView {
  let saidSomething = false;
  const seen = new Set<string>();
  return {
    show(message) {
      if (message.type === "assistant") {
        for (const block of message.message.content ?? []) {
          if (block.type === "text" && typeof message.parent_tool_use_id !== "string") {
            const text = block.text?.trim() ?? "";
            if (text === "") continue;
            saidSomething = true;
            screen.out(`${text}\n`);
          } else if (block.type === "tool_use" && block.name !== undefined && !seen.has(block.id ?? "")) {
            if (block.id !== undefined && seen.size < 100_000) seen.add(block.id);
            screen.note(`· ${block.name}${detailOf(block.input)}\n`);
          }
        }
      } else if (message.type === "result") {
        const text = message.result?.trim() ?? "";
        if (message.is_error === true) screen.failure(`${message.errors?.join("; ") ?? text}\n`);
        else if (!saidSomething && text !== "") screen.out(`${text}\n`);
      }
    },
  };
}

function detailOf(input: unknown): string {
  if (typeof input !== "object" || input === null) return "";
  const fields = new Map(Object.entries(input));
  for (const key of DETAIL_KEYS) {
    const value: unknown = fields.get(key);
    if (typeof value !== "string" || value === "") continue;
    // Control characters of a model's making must not reach the terminal.
    const line = value.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
    return ` ${line.length > DETAIL_CHARS_MAX ? `${line.slice(0, DETAIL_CHARS_MAX - 1)}…` : line}`;
  }
  return "";
}
