import { join } from "node:path";
import type { Options } from "./options.ts";
import { findLosses, readChanges } from "./plan-changes.ts";
import { trySmoke } from "./smoke.ts";
import { readStanding } from "./standing.ts";
import { applyCommand, CHANGES, NO_CHANGES, planCommand, readPlanCommand } from "./terraform-commands.ts";
import { DeployError, must, type World } from "./world.ts";

interface Failure {
  image: string;
  /** The image to go back to; null when none served before. */
  before: string | null;
  why: string;
  /** Who asks the version before how it is. */
  account: string;
}

/**
 * Puts the image before back; settings and schema stay, which the version before can serve with. Always throws: DeployError
 * that says what serves now, or Interrupted.
 */
export async function rollBack(options: Options, world: World, failure: Failure): Promise<never> {
  const { before, image, why } = failure;
  world.heading("Going back");
  world.tell(`  ${why}\n`);
  if (before === null) {
    throw new DeployError(`${why} There is no image before it to go back to, so it was left as it is.`, {
      exitCode: 3,
      steps: [
        `read why: gcloud logging read 'resource.type="cloud_run_revision" severity>=WARNING' --project ${options.project} --freshness 1h --limit 50`,
        `another image: gcloud artifacts docker images list ${imageName(image)} --project ${options.project} --include-tags, then ${byHand(options, "NAME@sha256:…")}`,
      ],
    });
  }
  let faults: string[];
  try {
    faults = await putBack(options, world, failure, before);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    throw new DeployError(
      `${why} Going back failed as well: ${error.message} Functions may run different images.`,
      {
        exitCode: 3,
        steps: [...error.steps, `go back by hand: ${byHand(options, before)}`],
      },
    );
  }
  if (faults.length > 0) {
    throw new DeployError(`${why} The image before serves again, and does not answer as it should either.`, {
      exitCode: 3,
      steps: faults,
    });
  }
  throw new DeployError(`${why} It was rolled back: ${before} serves again.`, {
    steps: ["the schema stays as it was migrated, which the version before can serve with"],
  });
}

async function putBack(
  options: Options,
  world: World,
  { account }: Failure,
  before: string,
): Promise<string[]> {
  const file = join(world.scratch, "back.tfplan");
  const plan = planCommand(options, { title: "Terraform: plan the way back", image: before, file });
  const { code } = await must(world, plan, [NO_CHANGES, CHANGES]);
  if (code === CHANGES) {
    const losses = findLosses(readChanges((await must(world, readPlanCommand(options, file))).stdout));
    if (losses.length > 0) throw new DeployError(`It would delete data: ${losses.join(", ")}.`);
    await must(world, applyCommand(options, "Terraform: put the image before back", file));
  }
  const standing = await readStanding(options, world);
  return standing === null ? [] : trySmoke(world, standing, account);
}

/** The command that goes back to an image. */
export function byHand({ project, environment, stateBucket, region }: Options, image: string): string {
  const bucket = stateBucket === `${project}-terraform` ? "" : ` --state-bucket ${stateBucket}`;
  const place = region === null ? "" : ` --region ${region}`;
  return `npm run deploy -- --project ${project} --env ${environment}${place}${bucket} --image ${image} --no-migrate`;
}

function imageName(image: string): string {
  return image.slice(0, image.indexOf("@"));
}
