import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { findFreePort } from "../../local/free-port.ts";
import type { FirstAnswer } from "../helpers/first-answers.ts";

interface ColdStart {
  /** Node's arguments. */
  program: readonly string[];
  target: string;
  env: Readonly<Record<string, string>>;
  answer: FirstAnswer;
}

/** What a process took from its start to its first answer. */
export interface Start {
  milliseconds: number;
  /** What its threads computed meanwhile, which other work on the machine hardly changes; null where Linux does not tell. */
  processorMs: number | null;
}

const POLL_MS = 2;
const DEADLINE_MS = 30_000;

/** Starts a process and takes its time until it answers with 2xx; any other answer is a failure of the benchmark. */
export async function timeToFirstAnswer({ program, target, env, answer }: ColdStart): Promise<Start> {
  const port = await findFreePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, program, {
    env: { ...process.env, ...env, FUNCTION_TARGET: target, PORT: String(port), NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const exited = once(child, "exit");
  try {
    for (;;) {
      const status = await ask(port, answer);
      if (status !== null) {
        const milliseconds = performance.now() - startedAt;
        if (status >= 200 && status < 300) return { milliseconds, processorMs: processorMsOf(child.pid) };
        throw new Error(`${target} answered ${status}`);
      }
      if (child.exitCode !== null || performance.now() - startedAt > DEADLINE_MS) {
        child.kill("SIGKILL");
        throw new Error(`${target} did not start:\n${(await output).join("")}`);
      }
      await delay(POLL_MS);
    }
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
}

function processorMsOf(pid: number | undefined): number | null {
  if (process.platform !== "linux" || pid === undefined) return null;
  const threads = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(threads).map((thread) =>
    Number(readFileSync(`${threads}/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1_000_000;
}

/** The status of the whole answer; null when nobody listens yet. */
function ask(port: number, answer: FirstAnswer): Promise<number | null> {
  const { method, path, headers, body } = answer.request();
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
        response.once("error", reject);
      },
    );
    request.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ECONNRESET") resolve(null);
      else reject(error);
    });
    request.end(body);
  });
}
