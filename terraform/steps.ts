import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runProgram } from "./run-program.ts";
import { pluginCache, type Terraform, TerraformError } from "./terraform.ts";

export interface Steps {
  terraform: Terraform;
  root: string;
  withTests: boolean;
  /** Further options of `terraform test`. */
  options: readonly string[];
  out: (text: string) => void;
  err: (text: string) => void;
}

const ENVIRONMENTS = ["environments/dev", "environments/prod"];
const TESTS = "tests";

/** Checks the format, every environment, what a second tool finds, and runs the tests. Throws TerraformError at the first fault. */
export async function runSteps(steps: Steps): Promise<void> {
  const { terraform, root, withTests, options, err } = steps;
  await step(steps, "format", "terraform", ["fmt", "-check", "-diff", "-recursive", "-no-color", root], {
    fault: "Files are not formatted. Run: terraform fmt -recursive terraform",
  });
  if (terraform.offline === null) {
    await withCopy(root, (copy) => checkWithRegistry(steps, copy));
    return;
  }
  const { offline } = terraform;
  for (const folder of ENVIRONMENTS) {
    await step(steps, `validate ${folder}`, offline, ["validate", root, folder, "-no-color"]);
  }
  for (const folder of await listFolders(root)) {
    await step(steps, `check ${folder}`, offline, ["check", root, folder]);
  }
  if (withTests)
    await step(steps, "test", offline, ["test", root, TESTS, "-no-color", ...options], { isTold: true });
  else err("The tests were not run; that is: npm run terraform -- test\n");
}

async function checkWithRegistry(steps: Steps, copy: string): Promise<void> {
  const { terraform, withTests, options, err } = steps;
  const cache = pluginCache(terraform.env);
  await mkdir(cache, { recursive: true });
  const env = { ...terraform.env, TF_PLUGIN_CACHE_DIR: cache };
  const inCopy = { ...steps, terraform: { ...terraform, env } };
  for (const folder of [...ENVIRONMENTS, ...(withTests ? [TESTS] : [])]) {
    const chdir = `-chdir=${join(copy, folder)}`;
    await step(inCopy, `init ${folder}`, "terraform", [chdir, "init", "-backend=false", "-no-color"]);
    await step(inCopy, `validate ${folder}`, "terraform", [chdir, "validate", "-no-color"]);
  }
  const lint = await runProgram("tflint", ["--version"], { env, cwd: copy });
  if (lint.code === null) err("tflint is not installed, so its rules were not checked.\n");
  else await step(inCopy, "tflint", "tflint", ["--recursive", `--chdir=${copy}`, "--no-color"]);
  if (!withTests) {
    err("The tests were not run; that is: npm run terraform -- test\n");
    return;
  }
  await step(inCopy, "test", "terraform", [`-chdir=${join(copy, TESTS)}`, "test", "-no-color", ...options], {
    isTold: true,
  });
}

interface StepOptions {
  /** What to say instead of what the program is called. */
  fault?: string;
  /** Whether what the program says is the result, and not only of interest when it fails. */
  isTold?: boolean;
}

async function step(
  { terraform, root, out, err }: Steps,
  name: string,
  program: string,
  args: readonly string[],
  { fault, isTold = false }: StepOptions = {},
): Promise<void> {
  const answer = await runProgram(program, args, {
    env: terraform.env,
    cwd: root,
    ...(isTold ? { tell: out } : {}),
  });
  if (answer.code === 0) {
    err(`  ${name}: well\n`);
    return;
  }
  if (!isTold) err(`${answer.output.trim()}\n`);
  throw new TerraformError(fault ?? `${name} failed.`);
}

/** Folders with a configuration, such as modules/function. */
async function listFolders(root: string): Promise<string[]> {
  const modules = await readdir(join(root, "modules"));
  return [...ENVIRONMENTS, ...modules.sort().map((name) => `modules/${name}`)];
}

/** Terraform writes beside what it reads; a copy keeps that, and a real backend's settings, out of the way. */
async function withCopy(root: string, work: (copy: string) => Promise<void>): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), "netra-terraform-"));
  try {
    await cp(root, copy, { recursive: true, filter: (path) => basename(path) !== ".terraform" });
    await work(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
