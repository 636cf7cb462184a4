import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, onTestFinished } from "vitest";
import { runTerraformCli } from "../../terraform/cli.ts";

/** The configuration itself. */
export const ROOT = join(import.meta.dirname, "../../terraform");

/** Runs one command line of `npm run terraform`. */
export async function runCli(
  args: string[],
  { env = process.env, root = ROOT }: { env?: NodeJS.ProcessEnv; root?: string } = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runTerraformCli(args, {
    env,
    root,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += stripVTControlCharacters(text);
    },
  });
  return { code, out, err };
}

/** A copy of the configuration in which one file reads otherwise. */
export async function copyWith(file: string, change: (text: string) => string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "netra-terraform-test-"));
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  await cp(ROOT, copy, { recursive: true, filter: (path) => basename(path) !== ".terraform" });
  const path = join(copy, file);
  const text = await readFile(path, "utf8");
  const changed = change(text);
  expect(changed).not.toBe(text);
  await writeFile(path, changed);
  return copy;
}
