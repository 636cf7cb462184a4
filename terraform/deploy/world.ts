/** A program to run, and what a dry run takes for its answer. */
export interface Command {
  /** What it is for, in a few words. */
  title: string;
  program: string;
  args: readonly string[];
  /** Variables of the environment besides those that are there. */
  env?: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** Whether what it says is for people to see as it comes. */
  isShown?: boolean;
  /** Whether it only looks at this machine, so that a dry run runs it too. */
  isLocal?: boolean;
  dryAnswer?: { code?: number; stdout?: string };
}

export interface Answer {
  /** Null when there is no such program. */
  code: number | null;
  stdout: string;
  /** Both streams as they came. */
  output: string;
}

export interface Question {
  title: string;
  method: "GET" | "POST";
  url: string;
  /** Sent as a bearer token, and never shown. */
  token?: string;
  body?: unknown;
  dryAnswer: Reply;
}

export interface Reply {
  /** Null when nothing answered in time; `body` then says why. */
  status: number | null;
  type: string;
  body: string;
}

/** Everything a deployment touches. */
export interface World {
  run: (command: Command) => Promise<Answer>;
  ask: (question: Question) => Promise<Reply>;
  /** Asks for a yes; null where nobody can answer. */
  confirm: ((question: string) => Promise<boolean>) | null;
  /** The signal by which somebody asked to stop, or null. */
  interruptedBy: () => string | null;
  /** Begins a part of the deployment. */
  heading: (text: string) => void;
  /** Progress and results. */
  tell: (text: string) => void;
  /** What would have stopped a deployment, in a dry run. */
  warn: (text: string) => void;
  sleep: (ms: number) => Promise<void>;
  now: () => Date;
  env: Readonly<Record<string, string | undefined>>;
  nodeVersion: string;
  /** A folder for plans, which may hold what is sensitive; it is removed at the end. */
  scratch: string;
  /** What terraform.tfvars of the environment says, or null where there is none. */
  settings: string | null;
  /** Whether the environment's .terraform.lock.hcl is there, which names the providers and their checksums. */
  hasProviderLock: boolean;
  isDry: boolean;
}

/** Why it went no further, in words for the operator. */
export class DeployError extends Error {
  /** What to do now, a step a line. */
  readonly steps: readonly string[];
  /** 1: the old version serves, or nothing was changed. 2: nobody agreed. 3: a person has to look. */
  readonly exitCode: 1 | 2 | 3;

  constructor(message: string, options: { steps?: readonly string[]; exitCode?: 1 | 2 | 3 } = {}) {
    super(message);
    this.steps = options.steps ?? [];
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Somebody asked to stop, and the step that ran then has ended. */
export class Interrupted extends Error {}

/** Runs what must succeed. Throws DeployError with the end of what it said, or Interrupted. */
export async function must(world: World, command: Command, codes: readonly number[] = [0]): Promise<Answer> {
  stopIfAsked(world);
  world.tell(`  ${command.title}\n`);
  const answer = await world.run(command);
  if (answer.code !== null && codes.includes(answer.code)) return answer;
  stopIfAsked(world);
  if (command.isShown !== true && answer.output.trim() !== "") world.tell(`${lastLines(answer.output)}\n`);
  throw new DeployError(
    answer.code === null
      ? `${command.program} is not installed.`
      : `${command.title}: ${command.program} ended with ${answer.code}.`,
  );
}

export function stopIfAsked(world: World): void {
  const signal = world.interruptedBy();
  if (signal !== null) throw new Interrupted(signal);
}

const LINES_MAX = 40;

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-LINES_MAX).join("\n");
}

/** The command as it would be typed. */
export function commandText({ program, args, env = {} }: Command): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
  return [...variables, program, ...args.map(quote)].join(" ");
}

function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
