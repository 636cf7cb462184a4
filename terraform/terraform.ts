import { existsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { runProgram } from "./run-program.ts";

/** What stands in the way, in words for the operator. */
export class TerraformError extends Error {}

export interface Terraform {
  /** In words: which version, and where its providers come from. */
  description: string;
  env: NodeJS.ProcessEnv;
  /** The program that runs Terraform with a local provider mirror; null where the registry is used. */
  offline: string | null;
}

type Env = Readonly<Record<string, string | undefined>>;

const REGISTRY = "https://registry.terraform.io/.well-known/terraform.json";
const REGISTRY_MS = 5_000;
/** Beside a checkout a mirror may lie ready, so that nobody has to name it. */
const MIRROR_BESIDE = join(import.meta.dirname, "../../shared/tools/terraform-offline/terraform-offline");
const MINOR_MIN = 11;

/** Finds Terraform and the providers' place. Throws TerraformError with what to install or to set. */
export async function findTerraform(env: Env): Promise<Terraform> {
  const settings = terraformEnv(env);
  const version = await findVersion(settings);
  const offline = await findOffline(env);
  const from =
    offline === null ? "providers from the registry" : `a local provider mirror through ${offline}`;
  return { description: `Terraform ${version}, ${from}`, env: settings, offline };
}

/** Whether Terraform can be run at all here, and if not why. */
export async function whyNoTerraform(env: Env): Promise<string | null> {
  try {
    await findTerraform(env);
    return null;
  } catch (error) {
    if (error instanceof TerraformError) return error.message;
    throw error;
  }
}

function terraformEnv(env: Env): NodeJS.ProcessEnv {
  const { TF_CLI_CONFIG_FILE: file, ...rest } = env;
  return {
    ...rest,
    // Terraform complains of a file that is not there at every call.
    ...(file !== undefined && existsSync(file) ? { TF_CLI_CONFIG_FILE: file } : {}),
    CHECKPOINT_DISABLE: "1",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: "1",
  };
}

/** The folder in which the provider, which is large, is kept from one run to the next. */
export function pluginCache(env: Env): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "netra/terraform-plugins");
}

const versionAnswer = z.object({ terraform_version: z.string() });

async function findVersion(env: NodeJS.ProcessEnv): Promise<string> {
  const answer = await runProgram("terraform", ["version", "-json"], { env, cwd: import.meta.dirname });
  if (answer.code === null) {
    throw new TerraformError(
      "Terraform is not installed. Install version 1.11 or later, put it on the path and run this again: https://developer.hashicorp.com/terraform/install",
    );
  }
  if (answer.code !== 0) throw new TerraformError(`terraform version failed: ${answer.output.trim()}`);
  const { terraform_version: version } = versionAnswer.parse(JSON.parse(answer.stdout));
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major !== 1 || minor < MINOR_MIN) {
    throw new TerraformError(
      `Terraform is ${version}; version 1.${MINOR_MIN} or a later 1.x is needed, for values that are written and never stored: https://developer.hashicorp.com/terraform/install`,
    );
  }
  return version;
}

async function findOffline(env: Env): Promise<string | null> {
  const named = env["NETRA_TERRAFORM_OFFLINE"] || undefined;
  if (named !== undefined) {
    if (await isProgram(named)) return named;
    throw new TerraformError(
      `NETRA_TERRAFORM_OFFLINE names ${named}, which is no program that can be run here.`,
    );
  }
  if (await canReachRegistry()) return null;
  if (await isProgram(MIRROR_BESIDE)) return MIRROR_BESIDE;
  throw new TerraformError(
    "The registry of Terraform's providers cannot be reached, so nothing can be checked. Go online, or name a program that runs Terraform with a local provider mirror in NETRA_TERRAFORM_OFFLINE.",
  );
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function canReachRegistry(): Promise<boolean> {
  try {
    return (await fetch(REGISTRY, { signal: AbortSignal.timeout(REGISTRY_MS) })).ok;
  } catch {
    return false;
  }
}
