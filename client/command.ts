import { parseArgs, styleText } from "node:util";
import type { ParseArgsOptionsConfig } from "node:util";
import { UsageError } from "./exit-codes.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
type Style = Parameters<typeof styleText>[0];

/** What a command may touch of the outside: its streams, the environment and a folder. */
export interface CommandIo {
  readonly env: Environment;
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** What is piped in; the process's own when absent. */
  readonly stdin?: NodeJS.ReadableStream;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Results: what a script reads. */
  out(text: string): void;
  /** Progress, advice and errors: what a person reads. */
  err(text: string): void;
  /** Colours text for stdout or stderr; plain when that is no terminal or NO_COLOR is set. */
  style(stream: "out" | "err", format: Style, text: string): string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  /** Runs the command and gives its exit code; throws UsageError for a wrong command line. */
  run(argv: string[], io: CommandIo): Promise<number>;
}

/** Options every command that talks to a server takes. */
export const CONNECTION_OPTIONS = {
  url: { type: "string" },
  "ingest-url": { type: "string" },
  "insights-url": { type: "string" },
  "api-key": { type: "string" },
  "data-dir": { type: "string" },
} as const satisfies ParseArgsOptionsConfig;

export const CONNECTION_USAGE = `Connection (flags, then environment, then <data dir>/connection.json written by npm start):
  --url URL            server, with the functions below it   NETRA_URL
  --ingest-url URL     the ingest function on its own        NETRA_INGEST_URL
  --insights-url URL   the insights function on its own      NETRA_INSIGHTS_URL
  --api-key KEY        better given by the environment       NETRA_API_KEY
  --data-dir DIR       where connection.json is (.netra)     NETRA_DATA_DIR`;

/** Parses options strictly; a mistake becomes a UsageError with node's own wording. */
export function parseOptions<T extends ParseArgsOptionsConfig>(argv: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** A whole number from an option, or the default when the option is absent. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  bounds: { min: number; max: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < bounds.min || value > bounds.max) {
    throw new UsageError(
      `--${name} must be a whole number from ${bounds.min} to ${bounds.max}, not "${text}"`,
    );
  }
  return value;
}

export function processIo(): CommandIo {
  const { stdout, stderr, env } = process;
  const colour = (stream: NodeJS.WriteStream): boolean =>
    stream.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  const colours = { out: colour(stdout), err: colour(stderr) };
  return {
    env,
    cwd: process.cwd(),
    stdout,
    stderr,
    outIsTerminal: stdout.isTTY,
    errIsTerminal: stderr.isTTY,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    style: (stream, format, text) =>
      colours[stream] ? styleText(format, text, { validateStream: false }) : text,
  };
}
