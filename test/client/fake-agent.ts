import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

export interface Scene {
  /** JSON lines, texts, and pauses in between. */
  readonly lines?: readonly unknown[];
  /** What is written when no output format was asked for. */
  readonly text?: readonly string[];
  readonly stderr?: string;
  readonly exitCode?: number;
  readonly hang?: boolean;
  readonly killSelf?: boolean;
  readonly ignoreSigterm?: boolean;
}

const AGENTS = join(import.meta.dirname, "../fixtures/fake-agent");
const NETRA = join(import.meta.dirname, "../../client/netra.js");

/** A folder of its own with a `claude` on the path that plays a scene, and nothing of the caller's configuration. */
export function setStage(scene: Scene) {
  const folder = mkdtempSync(join(tmpdir(), "netra-run-"));
  const scenePath = join(folder, "scene.json");
  writeFileSync(scenePath, JSON.stringify(scene));
  const env = {
    PATH: [AGENTS, dirname(process.execPath), process.env["PATH"]].join(delimiter),
    HOME: folder,
    NETRA_STATE_DIR: join(folder, "state"),
    NETRA_DATA_DIR: join(folder, "data"),
    FAKE_AGENT_SCENE: scenePath,
  };
  return {
    folder,
    stateFolder: env.NETRA_STATE_DIR,
    env,
    /** Process number of the agent, once it runs and reacts to signals as its scene says. */
    agentPid: () => {
      const written = existsSync(`${scenePath}.pid`) ? readFileSync(`${scenePath}.pid`, "utf8") : "";
      return written === "" ? null : Number(written);
    },
    play: (next: Scene) => writeFileSync(scenePath, JSON.stringify(next)),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}

export interface Netra {
  readonly process: ChildProcess;
  /** What it has written to stdout so far. */
  readonly stdout: () => string;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Starts the command line as a process of its own. */
export function startNetra(
  args: readonly string[],
  options: { env: Readonly<Record<string, string>>; cwd: string },
): Netra {
  const child = spawn(process.execPath, [NETRA, ...args], { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((settle) => {
    child.on("close", (code) => settle({ code, stdout, stderr }));
  });
  return { process: child, stdout: () => stdout, ended };
}

/** Waits until something is so; fails after half a minute. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error("it did not come to be");
    await new Promise((settle) => setTimeout(settle, 20));
  }
}
