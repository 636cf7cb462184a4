import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { dryWorld } from "./deploy/dry-world.ts";
import { makeFirstKey } from "./deploy/first-key.ts";
import { HELP, type Options, readOptions, UsageError } from "./deploy/options.ts";
import { askHttp, runCommand } from "./deploy/real-world.ts";
import { byHand } from "./deploy/roll-back.ts";
import { type Progress, rollOut } from "./deploy/roll-out.ts";
import { DeployError, Interrupted, type World } from "./deploy/world.ts";

export interface CliIo {
  /** Help, and the commands of a dry run. */
  out: (text: string) => void;
  /** Progress and errors, for people only. */
  err: (text: string) => void;
  /** Everything a deployment touches, made once the command line was understood, and given back at the end. */
  open: (options: Options) => Promise<{ world: World; close: () => Promise<void> }>;
}

/** Runs one command line and returns the exit code, as the help tells them. */
export async function runDeployCli(args: readonly string[], io: CliIo): Promise<0 | 1 | 2 | 3> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
    if (options !== null && "organization" in options) {
      printFirstKey(options.organization, io);
      return 0;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.err(`${error.message}\nSee: npm run deploy -- --help\n`);
    return 2;
  }
  if (options === null) {
    io.out(HELP);
    return 0;
  }
  const { world, close } = await io.open(options);
  try {
    return await deploy(options, options.isDry ? dryWorld(world, io.out) : world, io);
  } finally {
    await close();
  }
}

function printFirstKey(organization: string, { out, err }: CliIo): void {
  const { key, sql } = makeFirstKey(organization);
  err(
    "Run the SQL as netra_owner, in Cloud SQL Studio for example. The key is shown this once; keep it, and give it to nobody.\n",
  );
  out(`${key}\n\n${sql}`);
}

async function deploy(options: Options, world: World, io: CliIo): Promise<0 | 1 | 2 | 3> {
  const progress: Progress = { stage: "nothing switched", before: null };
  try {
    await rollOut(options, world, progress);
    io.err(`\n${styleText("green", world.isDry ? "This would be all; nothing was run." : "Deployed.")}\n`);
    return 0;
  } catch (error) {
    if (error instanceof DeployError) {
      io.err(`\n${styleText("red", "Not deployed.")} ${error.message}\n`);
      io.err(error.steps.map((step) => `  - ${step}\n`).join(""));
      return error.exitCode;
    }
    if (!(error instanceof Interrupted)) throw error;
    io.err(`\n${styleText("red", `Stopped by ${error.message}.`)} ${describeStop(options, progress)}\n`);
    return progress.stage === "nothing switched" ? 1 : 3;
  }
}

function describeStop(options: Options, { stage, before }: Progress): string {
  const back = before === null ? "" : ` To go back: ${byHand(options, before)}`;
  switch (stage) {
    case "nothing switched":
      return "No function was switched: what served before serves. The same command goes on from here.";
    case "switching":
      return `Functions may run different images. To go on: the same command.${back}`;
    case "going back":
      return `The new version failed, and going back was not finished: functions may run different images.${back}`;
    case "switched":
      return `The new image serves and was not tried to the end. To try it: the same command.${back}`;
  }
  return stage satisfies never;
}

function writeError(text: string): void {
  process.stderr.write(text);
}

const ROOT = dirname(import.meta.dirname);

async function openWorld({ environment }: Options): Promise<{ world: World; close: () => Promise<void> }> {
  const scratch = await mkdtemp(join(tmpdir(), "netra-deploy-"));
  let signal: string | null = null;
  const note = (name: string): void => {
    if (signal === null)
      process.stderr.write(`\n${name}: the step that runs is waited for, then it stops.\n`);
    signal = name;
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, note);
  const world: World = {
    run: (command) => runCommand(command, { env: process.env, cwd: ROOT, show: writeError }),
    ask: askHttp,
    confirm: process.stdin.isTTY && process.stderr.isTTY ? confirmOnTerminal : null,
    interruptedBy: () => signal,
    heading: (text) => writeError(`\n${styleText("bold", text)}\n`),
    tell: writeError,
    warn: writeError,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => new Date(),
    env: process.env,
    nodeVersion: process.versions.node,
    scratch,
    settings: await readOrNull(environment, "terraform.tfvars"),
    hasProviderLock: (await readOrNull(environment, ".terraform.lock.hcl")) !== null,
    isDry: false,
  };
  return { world, close: () => rm(scratch, { recursive: true, force: true }) };
}

async function readOrNull(environment: string, name: string): Promise<string | null> {
  try {
    return await readFile(join(import.meta.dirname, "environments", environment, name), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

async function confirmOnTerminal(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // At a question the terminal hands Ctrl-C to the reader, not to the process.
  const aborter = new AbortController();
  terminal.on("SIGINT", () => {
    aborter.abort();
    process.kill(process.pid, "SIGINT");
  });
  try {
    return /^y(es)?$/i.test((await terminal.question(question, { signal: aborter.signal })).trim());
  } catch (error) {
    if (aborter.signal.aborted) return false;
    throw error;
  } finally {
    terminal.close();
  }
}

if (import.meta.main) {
  // The reader may leave early: `npm run deploy -- … --dry-run | head`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.exitCode = await runDeployCli(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    open: openWorld,
  });
}
