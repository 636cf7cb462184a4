import { basename } from "node:path";
import { UsageError } from "../exit-codes.ts";

/** What to start, and what it is known as in the ledger. */
export interface AgentCommand {
  readonly argv: readonly [string, ...string[]];
  /** The prompt, or the command line of an agent whose prompt cannot be told. */
  readonly command: string;
  readonly agent: string;
  /** The output format was our choice, so that people are to see text instead of it. */
  readonly showText: boolean;
  /** The run continues a session. */
  readonly resumed: boolean;
  /** Id of the session it continues, when the command line names it. */
  readonly resumedSession: string | null;
}

export const CLAUDE = "claude-code";
const STREAM = ["--output-format", "stream-json", "--verbose"];
const SESSION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `claude -p PROMPT` with more arguments for it. */
export function claudeCommand(program: string, prompt: string, args: readonly string[]): AgentCommand {
  return describeArgv([program, "-p", prompt, ...args], prompt);
}

/**
 * Any command line. One of `claude -p` gets the output format that tells of tokens and cost, unless it chose another
 * format itself; everything else is started as it is.
 */
export function describeArgv(argv: readonly string[], prompt?: string): AgentCommand {
  const [program, ...args] = argv;
  if (program === undefined || program === "") throw new UsageError("there is no command to run");
  const name = basename(program).replace(/\.(?:exe|cmd|ps1)$/i, "");
  if (name !== "claude") {
    const command = prompt ?? argv.map(quote).join(" ");
    return {
      argv: [program, ...args],
      command,
      agent: name,
      showText: false,
      resumed: false,
      resumedSession: null,
    };
  }
  const printing = args.some((arg) => arg === "-p" || arg === "--print");
  const formatted = args.some((arg) => arg === "--output-format" || arg.startsWith("--output-format="));
  const showText = printing && !formatted;
  return {
    argv: [program, ...args, ...(showText ? STREAM : [])],
    command: prompt ?? promptOf(args) ?? argv.map(quote).join(" "),
    agent: CLAUDE,
    showText,
    ...resumeOf(args),
  };
}

function resumeOf(args: readonly string[]): { resumed: boolean; resumedSession: string | null } {
  let resumed = false;
  for (const [at, arg] of args.entries()) {
    const [flag, joined] = arg.startsWith("--") ? splitFlag(arg) : [arg, undefined];
    if (flag === "-c" || flag === "--continue" || flag === "--fork-session" || flag === "--from-pr")
      resumed = true;
    if (flag !== "-r" && flag !== "--resume") continue;
    const id = joined ?? args[at + 1];
    if (id !== undefined && SESSION_ID.test(id)) return { resumed: true, resumedSession: id };
    resumed = true;
  }
  return { resumed, resumedSession: null };
}

/** The word behind -p, which is where the prompt nearly always stands. */
function promptOf(args: readonly string[]): string | null {
  const at = args.findIndex((arg) => arg === "-p" || arg === "--print");
  const prompt = at === -1 ? undefined : args[at + 1];
  return prompt === undefined || prompt.startsWith("-") ? null : prompt;
}

function splitFlag(arg: string): [string, string | undefined] {
  const at = arg.indexOf("=");
  return at === -1 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
