import { join } from "node:path";
import type { Options } from "./options.ts";
import {
  type Change,
  findLosses,
  findUnagreed,
  readChanges,
  summarizeChanges,
  writesOwnerPassword,
} from "./plan-changes.ts";
import {
  applyCommand,
  CHANGES,
  NO_CHANGES,
  planCommand,
  readPlanCommand,
  showCommand,
} from "./terraform-commands.ts";
import { DeployError, must, stopIfAsked, type World } from "./world.ts";

/** Says at once that nobody could agree, instead of after minutes of building. Throws DeployError. */
export function checkAgreement({ yes }: Options, { confirm, isDry }: World): void {
  if (yes || isDry || confirm !== null) return;
  throw new DeployError("Nothing was changed: nobody can be asked here.", {
    exitCode: 2,
    steps: ["add --yes, or run it at a terminal"],
  });
}

/** Shows the plan and asks; what was agreed to, or null where there is nothing to change. */
export async function planAndAgree(options: Options, world: World, image: string): Promise<Change[] | null> {
  const file = join(world.scratch, "shown.tfplan");
  const plan = planCommand(options, { title: "Terraform: plan everything", image, file });
  const { code } = await must(world, plan, [NO_CHANGES, CHANGES]);
  if (code === NO_CHANGES) {
    world.tell("  nothing: this image runs with these settings already\n");
    return null;
  }
  return agree(options, world, file);
}

/** Shows a plan, and returns what it changes once somebody agreed. Throws DeployError when nobody does. */
export async function agree(options: Options, world: World, file: string): Promise<Change[]> {
  await must(world, showCommand(options, file));
  const changes = readChanges((await must(world, readPlanCommand(options, file))).stdout);
  if (writesOwnerPassword(changes) && (world.env["TF_VAR_owner_password"] ?? "") === "") {
    throw new DeployError(
      "Nothing was changed: the password of netra_owner would be written, and there is none.",
      {
        steps: ["export TF_VAR_owner_password with the new one, or put owner_password_version back"],
      },
    );
  }
  const losses = findLosses(changes);
  world.tell(`  ${summarizeChanges(changes)}\n`);
  if (losses.length > 0) world.tell(`  THIS DELETES DATA: ${losses.join(", ")}\n`);
  if (world.isDry || (options.yes && losses.length === 0)) return changes;
  if (world.confirm === null) {
    throw new DeployError("Nothing was changed: data would be deleted, and nobody can be asked here.", {
      exitCode: 2,
      steps: ["run it at a terminal"],
    });
  }
  const answer = await world.confirm(`Change this in ${options.project} (${options.environment})? (yes/no) `);
  stopIfAsked(world);
  if (!answer) throw new DeployError("Nothing was changed.", { exitCode: 2 });
  return changes;
}

export interface Agreed {
  image: string;
  agreed: readonly Change[];
}

/**
 * Plans anew, since what was shown is out of date once anything was applied, and applies it when it changes nothing that
 * nobody agreed to.
 */
export async function applyAgreed(
  options: Options,
  world: World,
  work: Agreed & { name: string; file: string; target?: string; beforeApply?: () => void },
): Promise<void> {
  const { name, target, image, agreed } = work;
  const file = join(world.scratch, work.file);
  const plan = { title: `Terraform: plan ${name}`, image, file, ...(target === undefined ? {} : { target }) };
  const { code } = await must(world, planCommand(options, plan), [NO_CHANGES, CHANGES]);
  if (code === NO_CHANGES) return;
  const changes = readChanges((await must(world, readPlanCommand(options, file))).stdout);
  const unagreed = findUnagreed(changes, agreed);
  if (unagreed.length > 0) {
    throw new DeployError(`Meanwhile something else would change: ${unagreed.join(", ")}.`, {
      steps: [
        "somebody changed the project or the files: run the same command again and look at the new plan",
      ],
    });
  }
  stopIfAsked(world);
  work.beforeApply?.();
  await must(world, applyCommand(options, `Terraform: apply ${name}`, file));
}
