export interface UnwrappedCommand {
  readonly kind: "slash_command" | "shell" | "prompt" | "notification";
  /** The command's name for a slash command, without its slash. */
  readonly name: string;
  /** What is left to read: the arguments of a slash command, else the text. */
  readonly text: string;
}

const NAME = /<command-name>\s{0,8}\/?([^<\s]{1,200})\s{0,8}<\/command-name>/;
const ARGS = /<command-args>([\s\S]*?)<\/command-args>/;
/** Context that an agent or an editor puts before or after what a person wrote. */
const CONTEXT_TAGS = [
  "system-reminder",
  "ide_opened_file",
  "ide_selection",
  "ide_diagnostics",
  "local-command-caveat",
  "local-command-stdout",
  "local-command-stderr",
  "bash-stdout",
  "bash-stderr",
] as const;
const CONTEXT_BLOCKS_MAX = 20;
const SLASH = /^\/([\p{L}][\p{L}\d_-]{0,79}(?::[\p{L}\d_.-]{1,80}){0,4})(?=\s|$)/u;
const FOLDERS_AT_ROOT = new Set("tmp etc usr var home opt bin dev root mnt proc sys lib".split(" "));
const BASH = /^<bash-input>([\s\S]*?)<\/bash-input>/;

/** Takes off what agents wrap around a command in transcripts, and says what form of command is inside. */
export function unwrapCommand(raw: string): UnwrappedCommand {
  let text = raw.trim();
  if (text.charCodeAt(0) === 60) {
    text = withoutContext(text);
    const name = NAME.exec(text.slice(0, 2_000))?.[1];
    if (name !== undefined && text.startsWith("<command-")) {
      return { kind: "slash_command", name, text: (ARGS.exec(text)?.[1] ?? "").trim() };
    }
    if (text.startsWith("<task-notification>")) return { kind: "notification", name: "", text };
    const bash = BASH.exec(text);
    if (bash !== null) return { kind: "shell", name: "", text: (bash[1] ?? "").trim() };
  }
  if (text.startsWith("[Request interrupted by user")) return { kind: "notification", name: "", text };
  if (text.charCodeAt(0) === 33 && /^![ \t]{0,4}[\w./~]/.test(text)) {
    return { kind: "shell", name: "", text: text.slice(1).trim() };
  }
  const slash = text.charCodeAt(0) === 47 ? SLASH.exec(text) : null;
  if (slash !== null && !FOLDERS_AT_ROOT.has(slash[1] ?? "")) {
    return { kind: "slash_command", name: slash[1] ?? "", text: text.slice(slash[0].length).trim() };
  }
  return { kind: "prompt", name: "", text };
}

function withoutContext(text: string): string {
  let rest = text;
  for (let block = 0; block < CONTEXT_BLOCKS_MAX; block++) {
    const tag = CONTEXT_TAGS.find((name) => rest.startsWith(`<${name}>`));
    if (tag === undefined) return rest;
    const end = rest.indexOf(`</${tag}>`);
    if (end === -1) return rest;
    rest = rest.slice(end + tag.length + 3).trimStart();
  }
  return rest;
}
