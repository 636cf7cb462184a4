import { findAgentInvocation, mayInvokeAgent } from "./agent-invocation.ts";
import { clipText } from "./clip-text.ts";
import { ArgsBuilder, type CommandArgs } from "./command-args.ts";
import { commandFeatures, type CommandFeatures, type CommandKind } from "./command-features.ts";
import { scanText, taskOfName } from "./scan-text.ts";
import { findShellCommand, mayStartCommand } from "./shell-programs.ts";
import { splitShellWords } from "./shell-words.ts";
import type { TaskKind } from "./task-words.ts";
import { unwrapCommand } from "./unwrap-command.ts";

export interface ParsedCommand {
  /** `/review`, `git commit`, `prompt`: what commands are grouped by. At most 100 characters. */
  base: string;
  args: CommandArgs;
  features: CommandFeatures;
}

const BASE_CHARS_MAX = 100;
const WORDS_MAX = 2_048;
const REFERENCES_KEPT_MAX = 16;
/** Slash commands take arguments; past this many characters what follows one is a text. */
const ARGUMENTS_CHARS_MAX = 4_096;

/**
 * Reads a command as an agent was given it: a slash command (also in the form of a transcript), a shell command line, or
 * free text. A command line that starts an agent is read for the prompt inside it, and keeps the agent's own flags. The
 * text must be masked already. Never throws; equal text gives equal results of at most 8 KiB as JSON.
 */
export function parseCommand(raw: string): ParsedCommand {
  const args = new ArgsBuilder();
  const trimmed = raw.trim();
  if (mayInvokeAgent(trimmed)) {
    const invocation = findAgentInvocation(splitShellWords(trimmed, WORDS_MAX));
    if (invocation !== null) {
      args.addWords(invocation.own, invocation.valueFlags, true);
      return read(invocation.prompt, args, invocation.agent);
    }
  }
  return read(trimmed, args, null);
}

function read(source: string, args: ArgsBuilder, agent: string | null): ParsedCommand {
  const { kind, name, text } = unwrapCommand(source);
  if (kind === "slash_command") {
    const words = splitShellWords(clipText(text, ARGUMENTS_CHARS_MAX), WORDS_MAX);
    args.addPositionals(args.addWords(words));
    const base = clipText(`/${name.toLowerCase()}`, BASE_CHARS_MAX);
    return finish(base, kind, text, args, agent, taskOfName(name));
  }
  if (kind === "notification") return finish("notification", kind, text, args, agent, "other");

  const isShell = kind === "shell";
  if (isShell || mayStartCommand(firstWord(text))) {
    const words = splitShellWords(text, WORDS_MAX);
    const found = findShellCommand(words);
    const command =
      found ??
      (isShell ? { base: firstWord(text), rest: words.slice(1), valueFlags: new Set<string>() } : null);
    if (command !== null) {
      args.addPositionals(args.addWords(command.rest, command.valueFlags));
      return finish(
        clipText(command.base, BASE_CHARS_MAX),
        "shell",
        text,
        args,
        agent,
        taskOfShell(command.base),
      );
    }
  }
  return finish("prompt", "prompt", text, args, agent, null);
}

function finish(
  base: string,
  kind: CommandKind,
  text: string,
  args: ArgsBuilder,
  agent: string | null,
  task: TaskKind | null,
): ParsedCommand {
  const scan = scanText(text);
  if (kind === "prompt") {
    for (const { value, type } of scan.references.slice(0, REFERENCES_KEPT_MAX))
      args.addPositional(value, type);
  }
  const features = commandFeatures({ kind, agent, text, scan, task: task ?? scan.task });
  return { base, args: args.finish(), features };
}

function firstWord(text: string): string {
  const end = text.slice(0, BASE_CHARS_MAX + 1).search(/\s/);
  return end === -1 ? clipText(text, BASE_CHARS_MAX) : text.slice(0, end);
}

const TESTERS = /^(?:pytest|vitest|jest|mocha|playwright|cypress)$|\b(?:test|tests|pytest|vitest|jest|e2e)\b/;
const COMMITS = /^(?:git (?:commit|push|merge|rebase|tag|stash|cherry-pick)|gh pr (?:create|merge))/;
const DEPLOYS =
  /^(?:terraform apply|kubectl (?:apply|rollout)|helm (?:install|upgrade)|gcloud run deploy|vercel|fly deploy|npm publish)|\bdeploy\b/;

function taskOfShell(base: string): TaskKind {
  if (COMMITS.test(base)) return "commit";
  if (DEPLOYS.test(base)) return "deploy";
  return TESTERS.test(base) ? "test" : "run";
}
