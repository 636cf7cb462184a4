import type { ShellWord } from "./shell-words.ts";

/** Flags of agents that are followed by a value; any other is a switch. */
const VALUE_FLAGS: ReadonlySet<string> = new Set(
  (
    "--model -m --output-format --input-format --allowedTools --allowed-tools --disallowedTools --disallowed-tools --tools --max-turns " +
    "--max-budget-usd --permission-mode --permission-prompt-tool --append-system-prompt --append-system-prompt-file --system-prompt " +
    "--system-prompt-file --mcp-config --add-dir --resume -r --session-id --fallback-model --settings --setting-sources --agents --agent " +
    "--json-schema --effort --sandbox -s --cd -C --profile --config -c --approval-mode --include-directories --file -f --read"
  ).split(" "),
);
/** Aider and its like pass the prompt as the value of a flag. */
const PROMPT_FLAGS: ReadonlySet<string> = new Set(["--message", "--prompt", "-i", "--prompt-interactive"]);
const AGENTS: ReadonlySet<string> = new Set(
  "claude codex gemini cursor-agent aider opencode copilot goose amp".split(" "),
);
const PACKAGES: Readonly<Record<string, string>> = {
  "@anthropic-ai/claude-code": "claude",
  "@openai/codex": "codex",
  "@google/gemini-cli": "gemini",
};
const RUNS = new Set(["exec", "run"]);
const MANAGES = new Set(
  "mcp config update doctor plugin plugins install setup-token agents login logout auth help resume".split(
    " ",
  ),
);

export interface AgentInvocation {
  readonly agent: string;
  /** The agent's own flags, in order, with their values. */
  readonly own: readonly ShellWord[];
  readonly prompt: string;
  readonly valueFlags: ReadonlySet<string>;
}

/** Whether the first words could start an agent: a cheap look before the line is split. */
export function mayInvokeAgent(text: string): boolean {
  return /^(?:[A-Za-z_]\w{0,60}=\S{0,200}\s+){0,4}(?:npx\s+(?:-y\s+)?|\S{0,100}\/)?(?:claude|codex|gemini|cursor-agent|aider|opencode|copilot|goose|amp|@)\S{0,40}(?:\s|$)/.test(
    text,
  );
}

/**
 * Finds the prompt inside a command line that starts an agent (`claude -p "…" --model opus`), and the agent's own flags.
 * Null when it starts no agent or has no prompt.
 */
export function findAgentInvocation(words: readonly ShellWord[]): AgentInvocation | null {
  let at = 0;
  while (/^[A-Za-z_]\w*=/.test(words[at]?.value ?? "")) at++;
  if (/^(?:npx|bunx|pnpx)$/.test(words[at]?.value ?? "")) at += words[at + 1]?.value === "-y" ? 2 : 1;
  const program = words[at]?.value ?? "";
  const bare = program.replace(/(?<=.)@[\w.-]{1,40}$/, "");
  const agent = Object.hasOwn(PACKAGES, bare)
    ? (PACKAGES[bare] ?? "")
    : program.slice(program.lastIndexOf("/") + 1);
  if (!AGENTS.has(agent)) return null;

  const rest = words.slice(at + 1);
  const isRun = RUNS.has(rest[0]?.value ?? "");
  const own: ShellWord[] = [];
  const prompt: string[] = [];
  let quoted = isRun;
  for (let index = isRun ? 1 : 0; index < rest.length; index++) {
    const word = rest[index];
    if (word === undefined) break;
    const next = rest[index + 1];
    if (word.quoted || !word.value.startsWith("-")) {
      prompt.push(word.value);
      quoted ||= word.quoted;
    } else if (PROMPT_FLAGS.has(word.value) && next !== undefined) {
      prompt.push(next.value);
      quoted = true;
      index++;
    } else {
      own.push(word);
      if (VALUE_FLAGS.has(word.value) && next !== undefined) {
        own.push(next);
        index++;
      }
    }
  }
  const first = prompt[0];
  if (first === undefined) return null;
  // `claude mcp add` manages the agent, and "claude is slow today" talks about it: neither runs a prompt.
  if (own.length === 0 && !quoted) return null;
  if (!isRun && !quoted && MANAGES.has(first)) return null;
  return { agent, own, prompt: prompt.join(" "), valueFlags: VALUE_FLAGS };
}
