import { join } from "node:path";
import { agree, type Agreed, applyAgreed, checkAgreement, planAndAgree } from "./agreed-plan.ts";
import { migrateCommand, migrateJobOf, secretVersionCommand } from "./gcloud-commands.ts";
import { provideImage } from "./image.ts";
import type { Options } from "./options.ts";
import { checkDeployer, checkFoundation, checkRepository, type Deployer, settle } from "./preflight.ts";
import type { Fault } from "./rights.ts";
import { rollBack } from "./roll-back.ts";
import { trySmoke } from "./smoke.ts";
import { readStanding, type Standing } from "./standing.ts";
import {
  applyCommand,
  CHANGES,
  initCommand,
  MIGRATE_TARGET,
  NO_CHANGES,
  planCommand,
} from "./terraform-commands.ts";
import { DeployError, must, stopIfAsked, type World } from "./world.ts";

/** How far a deployment has come, for whoever has to say what an interruption left. */
export interface Progress {
  stage: "nothing switched" | "switching" | "switched" | "going back";
  /** The image that served before, where one did. */
  before: string | null;
}

/** Filled by a person; Terraform fills the one with the owner's password. */
const SECRETS_NEEDED = [
  "admin-clickhouse-url",
  "clickhouse-password",
  "clickhouse-retention-password",
] as const;

/**
 * Deploys. The order keeps the old version serving on a schema it knows: the job gets the new image and migrates, which only
 * adds (what shrinks waits for a release after the last one that uses it); then the functions get the new image, all in one
 * apply; then they are tried, and put back when they fail. Throws DeployError or Interrupted.
 */
export async function rollOut(options: Options, world: World, progress: Progress): Promise<void> {
  checkAgreement(options, world);
  world.heading("Tools, login and rights");
  const deployer = await checkDeployer(options, world);
  world.heading("What is there");
  await must(world, initCommand(options, world.hasProviderLock));
  if (!world.hasProviderLock) tellOfLock(options, world);
  const standing =
    (await readStanding(options, world, { dryIsEmpty: options.isFirst })) ??
    (await found(options, world, deployer));
  await checkStanding(options, world, standing, deployer);
  world.heading("The image");
  const image = await provideImage(options, world, standing);
  world.tell(`  ${image}\n`);
  progress.before = standing.images.find((other) => other !== image) ?? null;
  world.heading("What would change");
  const agreed = await planAndAgree(options, world, image);
  if (options.migrates) await migrate(options, world, standing, { image, agreed });
  const why = await switchAndTry(options, world, progress, { standing, image, agreed, deployer });
  if (why === null) return;
  progress.stage = "going back";
  await rollBack(options, world, { image, before: progress.before, why, account: deployer.account });
}

function tellOfLock({ environment }: Options, world: World): void {
  world.tell(
    `  Terraform chose its providers and wrote them to terraform/environments/${environment}/.terraform.lock.hcl:\n  commit it, so that every later deployment takes the same.\n`,
  );
}

/** Everything but what runs: network, database, accounts, the places of secrets, and the registry the image goes to. */
async function found(options: Options, world: World, deployer: Deployer): Promise<Standing> {
  world.heading("The first time: everything but what runs");
  await checkFoundation(options, world, deployer);
  const file = join(world.scratch, "foundation.tfplan");
  const plan = planCommand(options, { title: "Terraform: plan the foundation", image: null, file });
  const { code } = await must(world, plan, [NO_CHANGES, CHANGES]);
  if (code === CHANGES) {
    await agree(options, world, file);
    await must(world, applyCommand(options, "Terraform: make the foundation", file));
  }
  const standing = await readStanding(options, world, { dryRuns: false });
  if (standing === null) throw new DeployError("Terraform made everything, and names no registry.");
  return standing;
}

async function checkStanding(
  options: Options,
  world: World,
  standing: Standing,
  deployer: Deployer,
): Promise<void> {
  const { project, environment, region } = options;
  const [, projectThere, nameThere] = standing.registry.split("/");
  if (
    projectThere !== project ||
    nameThere !== `netra-${environment}` ||
    (region !== null && standing.region !== region)
  ) {
    throw new DeployError(
      `The state in gs://${options.stateBucket} is about ${standing.registry}, and you named ${environment} of ${project}${region === null ? "" : ` in ${region}`}.`,
      {
        steps: [`name the bucket of ${project}'s state with --state-bucket; everything stays in one region`],
      },
    );
  }
  if (options.image === null) await checkRepository(world, standing.registry, deployer);
  const faults: Fault[] = [];
  for (const name of SECRETS_NEEDED) {
    const secret = standing.secrets[name] ?? `netra-${environment}-${name}`;
    const { code, stdout } = await runLook(world, options, secret);
    if (code === 0 && stdout.trim() !== "") continue;
    faults.push({
      fault: `the secret ${secret} has no value`,
      step: `gcloud secrets versions add ${secret} --project ${project} --data-file=-   (${SECRET_FORMS[name]}; without a line's end)`,
    });
  }
  settle(world, faults);
}

const SECRET_FORMS = {
  "clickhouse-password": "the password of the user in clickhouse.url, as it is",
  "clickhouse-retention-password": "the password of clickhouse.retention_user, as it is",
  "admin-clickhouse-url": "https://USER:PASSWORD@HOST:8443/netra_analytics, PASSWORD percent-encoded",
} as const satisfies Record<(typeof SECRETS_NEEDED)[number], string>;

async function runLook(world: World, options: Options, secret: string) {
  stopIfAsked(world);
  return world.run(secretVersionCommand(options, secret));
}

/**
 * Gives the job the new image and runs it, while the old version serves. Where nothing is to change (null) it is run all the
 * same: somebody may have deployed this image without migrating.
 */
async function migrate(
  options: Options,
  world: World,
  standing: Standing,
  { image, agreed }: { image: string; agreed: Agreed["agreed"] | null },
): Promise<void> {
  world.heading("The schemas, while the version before serves");
  if (agreed !== null) {
    const job = { name: "the migration job", file: "job.tfplan", target: MIGRATE_TARGET };
    await applyAgreed(options, world, { ...job, image, agreed });
  }
  try {
    await must(world, migrateCommand(options, standing, standing.logins));
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    throw new DeployError("The migration failed, so no function was switched: what served before serves.", {
      steps: [
        `read why: gcloud logging read 'resource.type="cloud_run_job" resource.labels.job_name="${migrateJobOf(options)}"' --project ${options.project} --freshness 2h --limit 50 --format 'value(textPayload)'`,
        "each migration is one transaction: put it right and run the same command again",
      ],
    });
  }
}

/** A function that is new has its login only now; the job does nothing else, since nothing is pending. */
async function grantNewLogins(
  options: Options,
  world: World,
  before: Standing,
  now: Standing,
): Promise<void> {
  const added = now.logins.filter((login) => !before.logins.includes(login));
  if (added.length > 0) await must(world, migrateCommand(options, before, added));
}

/**
 * Gives the functions the new image and asks them how they are; why to go back, or null when all is well. Throws DeployError
 * where nothing was switched.
 */
async function switchAndTry(
  options: Options,
  world: World,
  progress: Progress,
  work: { standing: Standing; image: string; agreed: Agreed["agreed"] | null; deployer: Deployer },
): Promise<string | null> {
  const { standing, image, agreed, deployer } = work;
  try {
    if (agreed !== null) {
      world.heading("The functions");
      const beforeApply = (): void => {
        progress.stage = "switching";
      };
      const file = "everything.tfplan";
      await applyAgreed(options, world, { name: "everything", file, image, agreed, beforeApply });
    }
    progress.stage = "switched";
    const now = await readStandingAgain(options, world);
    if (options.migrates) await grantNewLogins(options, world, standing, now);
    world.heading("Trying it");
    const faults = await trySmoke(world, now, deployer.account);
    if (faults.length === 0) return null;
    world.tell(faults.map((fault) => `  ${fault}\n`).join(""));
    return `The new version does not answer as it should (${faults.length} of the questions above).`;
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    if (progress.stage !== "nothing switched") return error.message;
    throw new DeployError(`${error.message} No function was switched.`, { steps: error.steps });
  }
}

async function readStandingAgain(options: Options, world: World): Promise<Standing> {
  const standing = await readStanding(options, world);
  if (standing === null) throw new DeployError("Terraform names no registry any more.");
  return standing;
}
