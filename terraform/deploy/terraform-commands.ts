import { join } from "node:path";
import type { Options } from "./options.ts";
import type { Command } from "./world.ts";

const MINUTE_MS = 60_000;
/** A database with a second machine and a replica takes most of an hour to make. */
const APPLY_MS = 120 * MINUTE_MS;
const LOCK = "-lock-timeout=120s";

/** The migration job alone: its image has to be the new one before anything else is. */
export const MIGRATE_TARGET = "module.netra.module.migrate";

/** What a plan ends with when there is nothing to change, and when there is. */
export const NO_CHANGES = 0;
export const CHANGES = 2;

/** Without a lock file it takes the newest providers and writes one; with it, those and no others. */
export function initCommand(options: Options, hasProviderLock: boolean): Command {
  return terraform(options, {
    title: "Terraform: get ready",
    args: [
      "init",
      "-input=false",
      "-reconfigure",
      ...(hasProviderLock ? ["-lockfile=readonly"] : []),
      `-backend-config=bucket=${options.stateBucket}`,
    ],
    timeoutMs: 10 * MINUTE_MS,
  });
}

export function outputCommand(options: Options, dryAnswer: string): Command {
  return terraform(options, {
    title: "Terraform: read what is there",
    args: ["output", "-json"],
    timeoutMs: 5 * MINUTE_MS,
    dryAnswer: { stdout: dryAnswer },
  });
}

interface PlanOptions {
  title: string;
  /** Null makes everything but what runs. */
  image: string | null;
  target?: string;
  file: string;
}

/** Ends with NO_CHANGES or CHANGES. */
export function planCommand(options: Options, plan: PlanOptions): Command {
  const { project, region } = options;
  return terraform(options, {
    title: plan.title,
    args: [
      "plan",
      "-input=false",
      LOCK,
      "-detailed-exitcode",
      `-var=project_id=${project}`,
      ...(region === null ? [] : [`-var=region=${region}`]),
      ...(plan.image === null ? [] : [`-var=image=${plan.image}`]),
      ...(plan.target === undefined ? [] : [`-target=${plan.target}`]),
      `-out=${plan.file}`,
    ],
    timeoutMs: 20 * MINUTE_MS,
    dryAnswer: { code: CHANGES },
  });
}

export function showCommand(options: Options, file: string): Command {
  return terraform(options, {
    title: "Terraform: what would change",
    args: ["show", "-no-color", file],
    timeoutMs: 5 * MINUTE_MS,
    isShown: true,
  });
}

export function readPlanCommand(options: Options, file: string): Command {
  return terraform(options, {
    title: "Terraform: read the plan",
    args: ["show", "-json", file],
    timeoutMs: 5 * MINUTE_MS,
    dryAnswer: { stdout: "{}" },
  });
}

export function applyCommand(options: Options, title: string, file: string): Command {
  return terraform(options, {
    title,
    args: ["apply", "-input=false", "-no-color", LOCK, file],
    timeoutMs: APPLY_MS,
    isShown: true,
  });
}

function terraform(options: Options, command: Omit<Command, "program" | "env">): Command {
  return {
    ...command,
    program: "terraform",
    args: [`-chdir=${join("terraform/environments", options.environment)}`, ...command.args],
    env: { TF_IN_AUTOMATION: "1", TF_INPUT: "0" },
  };
}
