import { spawn } from "node:child_process";

export interface ProgramAnswer {
  /** Null when there is no such program. */
  code: number | null;
  stdout: string;
  /** Both streams as they came. */
  output: string;
}

/** No step takes this long unless it hangs. */
const TIMEOUT_MS = 20 * 60_000;
const OUTPUT_CHARS_MAX = 64 * 1024 * 1024;

/** Runs a program to its end and gives what it said; `tell` hears it as it comes. Throws when it does not end in time. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd: string; tell?: (text: string) => void },
): Promise<ProgramAnswer> {
  const { env, cwd, tell } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
    });
    let stdout = "";
    let output = "";
    const listen = (stream: NodeJS.ReadableStream, isStdout: boolean): void => {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        if (output.length + text.length > OUTPUT_CHARS_MAX) {
          child.kill();
          return;
        }
        if (isStdout) stdout += text;
        output += text;
        tell?.(text);
      });
    };
    listen(child.stdout, true);
    listen(child.stderr, false);
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve({ code: null, stdout, output });
      else reject(error);
    });
    child.on("close", (code, signal) => {
      if (code === null)
        reject(new Error(`${program} ${args[0] ?? ""} was ended by ${signal ?? "something"}`));
      else resolve({ code, stdout, output });
    });
  });
}
