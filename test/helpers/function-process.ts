import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findFreePort } from "./ports.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const READY_DEADLINE_MS = 30_000;
/** At least so much of what a process wrote last is kept. */
const OUTPUT_CHARS = 1_000_000;

export interface FunctionProcess {
  url: string;
  child: ChildProcess;
  /** What it has written so far, both streams. */
  output: () => string;
  /** Sends the signal and resolves with the exit code, null when the signal itself ended it. */
  end: (signal: NodeJS.Signals) => Promise<number | null>;
}

interface ProcessOptions {
  /** The function's own entry when none is given. */
  source?: string;
  /** What Node runs in place of the framework with that entry; the target is in FUNCTION_TARGET. */
  program?: string;
  port?: number | undefined;
}

/** Runs one function in a process of its own, as the platform does, and waits until it answers requests. */
export async function startFunctionProcess(
  target: string,
  env: Readonly<Record<string, string>>,
  options: ProcessOptions = {},
): Promise<FunctionProcess> {
  const started = await spawnFunctionProcess(target, env, options);
  await waitUntilServing(started);
  return started;
}

/** The same without a wait, so that no request has come in: functions-framework with FUNCTION_TARGET. */
export async function spawnFunctionProcess(
  target: string,
  env: Readonly<Record<string, string>>,
  options: ProcessOptions = {},
): Promise<FunctionProcess> {
  const port = options.port ?? (await findFreePort());
  const source = options.source ?? `functions/${target}/index.ts`;
  const framework = fileURLToPath(import.meta.resolve("@google-cloud/functions-framework"));
  const main = framework.replace(/index\.js$/, "main.js");
  const args =
    options.program === undefined
      ? [main, `--source=${ROOT}${source}`, `--target=${target}`]
      : [options.program];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: {
      ...process.env,
      ...env,
      PORT: String(port),
      NODE_ENV: "production",
      FUNCTION_TARGET: target,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      // Seldom, because each cut copies what is kept, and a function under load writes hundreds of times a second.
      if (output.length > 2 * OUTPUT_CHARS) output = output.slice(-OUTPUT_CHARS);
    });
  }
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    output: () => output,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

async function waitUntilServing({ url, child, output }: FunctionProcess): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    try {
      await fetch(`${url}/none`);
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the function did not start:\n${output()}`, { cause: error });
      }
      await delay(50);
    }
  }
}
