import { spawn } from "node:child_process";
import type { Answer, Command, Question, Reply } from "./world.ts";

const OUTPUT_CHARS_MAX = 64 * 1024 * 1024;
const ASK_MS = 20_000;
/** An answer that is longer is none of ours. */
const REPLY_CHARS_MAX = 256 * 1024;
/** What coreutils' timeout ends with. */
const TIMED_OUT = 124;

/**
 * Runs a program to its end. What is interrupted at a terminal interrupts the program as well, which then ends in its own
 * way: Terraform finishes what it has begun and keeps its state. A program that takes too long is interrupted like that.
 */
export function runCommand(
  command: Command,
  options: { env: NodeJS.ProcessEnv; cwd: string; show: (text: string) => void },
): Promise<Answer> {
  const { program, args, timeoutMs, isShown = false } = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...options.env, ...command.env },
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let output = "";
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGINT");
    }, timeoutMs);
    const listen = (stream: NodeJS.ReadableStream, isStdout: boolean): void => {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        if (isShown) options.show(text);
        if (output.length + text.length > OUTPUT_CHARS_MAX) return;
        if (isStdout) stdout += text;
        output += text;
      });
    };
    listen(child.stdout, true);
    listen(child.stderr, false);
    child.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === "ENOENT") resolve({ code: null, stdout, output });
      else reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const late = isLate ? `\nIt was interrupted after ${Math.round(timeoutMs / 60_000)} minutes.` : "";
      const ended = code === null ? `\nIt was ended by ${signal ?? "something"}.` : "";
      resolve({ code: isLate ? TIMED_OUT : (code ?? 1), stdout, output: `${output}${late}${ended}` });
    });
  });
}

/** Asks over HTTP. No answer in time is an answer without a status. */
export async function askHttp({ method, url, token, body }: Question): Promise<Reply> {
  try {
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ASK_MS),
    });
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get("content-type") ?? "",
      body: text.slice(0, REPLY_CHARS_MAX),
    };
  } catch (error) {
    return { status: null, type: "", body: describe(error) };
  }
}

/** Fetch says "fetch failed" and keeps the reason as the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
