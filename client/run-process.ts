import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { ProcessEnd } from "./agent/run-status.ts";
import type { Environment } from "./command.ts";

export interface ProcessOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Environment;
  /** Hand our own standard input on; without it the agent gets none. */
  readonly inheritStdin: boolean;
  readonly timeoutMs: number | null;
  /** Time between asking the agent to end and ending it. */
  readonly graceMs: number;
  /** Pass SIGINT, SIGTERM and SIGHUP on to the agent instead of dying of them. */
  readonly forwardSignals: boolean;
  readonly signal: AbortSignal | undefined;
  /** Takes a chunk; a promise holds the agent back until it is kept. */
  readonly onStdout: (chunk: Buffer) => Promise<void> | void;
  readonly onStderr: (chunk: Buffer) => Promise<void> | void;
  readonly onStarted: (pid: number) => void;
}

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const STDERR_TAIL_BYTES = 4_096;
/** A helper the agent left behind can hold its output open; after this time it is no longer waited for. */
const DRAIN_MS = 2_000;

/** Runs a program in a process group of its own to its end. Never throws for what the program does. */
export async function runProcess(options: ProcessOptions): Promise<ProcessEnd> {
  const [program, ...args] = options.argv;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...options.env },
      stdio: [options.inheritStdin ? "inherit" : "ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
  } catch (error) {
    return notStarted(program, error);
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((settle) => {
    child.once("exit", (code, signal) => settle({ code, signal }));
  });
  const failed = new Promise<unknown>((settle) => void child.once("error", settle));
  const { pid } = child;
  if (pid === undefined) return notStarted(program, await failed);

  const stop = createStopper(pid, options);
  let tail = Buffer.alloc(0);
  const pumps = Promise.all([
    pump(child.stdout, options.onStdout),
    pump(child.stderr, (chunk) => {
      tail = Buffer.concat([tail, chunk]).subarray(-STDERR_TAIL_BYTES);
      return options.onStderr(chunk);
    }),
  ]);
  try {
    options.onStarted(pid);
    const { code, signal } = await exited;
    stop.agentEnded();
    await within(pumps, DRAIN_MS);
    child.stdout?.destroy();
    child.stderr?.destroy();
    return {
      exitCode: code,
      signal,
      timedOut: stop.reason === "timeout",
      stoppedBy: stop.reason === null || stop.reason === "timeout" ? null : stop.reason,
      startError: null,
      stderrTail: tail.toString("utf8"),
    };
  } finally {
    stop.dispose();
  }
}

/** Ends the whole process group: first with a request, then by force. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch (error) {
    // It has ended by itself meanwhile.
    if (!(error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")))
      throw error;
  }
}

interface Stopper {
  /** Why the agent was asked to end; null when it was not. */
  readonly reason: NodeJS.Signals | "timeout" | null;
  agentEnded(): void;
  dispose(): void;
}

function createStopper(pid: number, options: ProcessOptions): Stopper {
  let reason: NodeJS.Signals | "timeout" | null = null;
  let force: NodeJS.Timeout | undefined;
  const stop = (why: NodeJS.Signals | "timeout"): void => {
    // Asked a second time, the person means it.
    killGroup(pid, reason === null ? (why === "timeout" ? "SIGTERM" : why) : "SIGKILL");
    reason ??= why;
    force ??= setTimeout(() => killGroup(pid, "SIGKILL"), options.graceMs);
  };
  const timer = options.timeoutMs === null ? undefined : setTimeout(() => stop("timeout"), options.timeoutMs);
  const abort = (): void => stop("SIGTERM");
  const listeners = options.forwardSignals
    ? FORWARDED.map((name) => ({ name, listen: () => stop(name) }))
    : [];
  for (const { name, listen } of listeners) process.on(name, listen);
  if (options.signal?.aborted === true) abort();
  else options.signal?.addEventListener("abort", abort, { once: true });
  return {
    get reason() {
      return reason;
    },
    agentEnded() {
      clearTimeout(timer);
      // What the agent had started must not outlive a stop; after a normal end it may have its reasons.
      if (reason !== null) killGroup(pid, "SIGKILL");
    },
    dispose() {
      clearTimeout(timer);
      clearTimeout(force);
      options.signal?.removeEventListener("abort", abort);
      for (const { name, listen } of listeners) process.off(name, listen);
    },
  };
}

async function pump(
  stream: NodeJS.ReadableStream | null,
  take: (chunk: Buffer) => Promise<void> | void,
): Promise<void> {
  if (stream === null) return;
  try {
    for await (const chunk of stream) await take(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk));
  } catch (error) {
    // Destroyed by us after the drain time, or the pipe broke with its writer.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((settle) => (timer = setTimeout(settle, ms)));
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function notStarted(program: string, error: unknown): ProcessEnd {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const reason = code === "ENOENT" ? "not found" : code === "EACCES" ? "not executable" : String(error);
  return {
    exitCode: code === "EACCES" ? 126 : 127,
    signal: null,
    timedOut: false,
    stoppedBy: null,
    startError: `${program}: ${reason}`,
    stderrTail: "",
  };
}

/** Streams that are written to, and whether their readers went away. */
const sinks = new WeakMap<NodeJS.WritableStream, { gone: boolean }>();

/** Writes to a stream at its pace; a reader that went away is not an error of ours. */
export function createSink(stream: NodeJS.WritableStream): (chunk: Uint8Array | string) => Promise<void> {
  const state = sinks.get(stream) ?? { gone: false };
  if (!sinks.has(stream)) {
    sinks.set(stream, state);
    stream.on("error", () => (state.gone = true));
    stream.on("close", () => (state.gone = true));
  }
  return async (chunk) => {
    if (state.gone || !stream.writable || stream.write(chunk)) return;
    await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(() => (state.gone = true));
  };
}
