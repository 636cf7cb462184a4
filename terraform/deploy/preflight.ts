import { z } from "zod";
import { accessTokenCommand, accountCommand, defaultTokenCommand } from "./gcloud-commands.ts";
import type { Options } from "./options.ts";
import {
  askRights,
  checkRights,
  type Fault,
  FOUND_RIGHTS,
  repositoryRights,
  ROLL_OUT_RIGHTS,
} from "./rights.ts";
import { type Answer, type Command, DeployError, stopIfAsked, type World } from "./world.ts";

const NODE_MAJOR_MIN = 24;
const TERRAFORM_MINOR_MIN = 11;
const OWNER_PASSWORD_CHARS_MIN = 24;

/** Who deploys. */
export interface Deployer {
  /** Empty where gcloud takes its login from elsewhere and names none. */
  account: string;
  /** Proves it to Google; never shown. */
  token: string;
}

/**
 * Looks at tools, settings, login and rights before anything is changed. Throws DeployError with every fault and what to
 * do about each; a dry run tells them and goes on.
 */
export async function checkDeployer(options: Options, world: World): Promise<Deployer> {
  const tools = [
    ...checkNode(world),
    ...(await checkTerraform(world)),
    ...(await checkBuilder(options, world)),
  ];
  const gcloud = await look(world, localCommand("gcloud", ["version"]));
  if (gcloud.code === null) {
    tools.push({
      fault: "gcloud is not installed, so login and rights could not be looked at",
      step: "install it: https://cloud.google.com/sdk/docs/install",
    });
  }
  const settings = [...checkSettings(options, world), ...checkProviderLock(options, world)];
  if (gcloud.code === null && !world.isDry) throw refusal([...tools, ...settings]);
  const account = await look(world, accountCommand());
  const token = await look(world, accessTokenCommand());
  const forTerraform = await look(world, defaultTokenCommand());
  const deployer = { account: account.stdout.trim(), token: token.stdout.trim() };
  const login: Fault[] = [];
  if (token.code !== 0 || deployer.token === "") {
    login.push({ fault: "nobody is logged in to gcloud, or the login has ended", step: "gcloud auth login" });
  }
  if (forTerraform.code !== 0) {
    login.push({ fault: "Terraform has no login of its own", step: "gcloud auth application-default login" });
  }
  const rights = login.length > 0 ? [] : await checkProject(options, world, deployer);
  settle(world, [...tools, ...settings, ...login, ...rights]);
  return deployer;
}

/** What the first deployment needs besides. Throws DeployError. */
export async function checkFoundation(options: Options, world: World, { token }: Deployer): Promise<void> {
  const faults = await checkRights(world, askRights(options.project, token, FOUND_RIGHTS), (missing) => ({
    fault: `you lack rights in ${options.project}: ${missing}`,
    step: "making a project's network, database and accounts takes an owner; later on a deployer's rights are enough",
  }));
  const password = world.env["TF_VAR_owner_password"] ?? "";
  if (password.length < OWNER_PASSWORD_CHARS_MIN) {
    faults.push({
      fault: `the database's owner has no password yet (at least ${OWNER_PASSWORD_CHARS_MIN} characters)`,
      step: "export TF_VAR_owner_password=$(openssl rand -base64 32), and keep it safe: people log in to the database with it",
    });
  }
  settle(world, faults);
}

/** Whether the deployer may push to the registry. Throws DeployError. */
export async function checkRepository(world: World, registry: string, { token }: Deployer): Promise<void> {
  const faults = await checkRights(world, repositoryRights(registry, token), (missing) => ({
    fault: `you may not push to ${registry} (${missing})`,
    step: "have somebody give you roles/artifactregistry.writer on it",
  }));
  settle(world, faults);
}

async function checkProject(options: Options, world: World, { token }: Deployer): Promise<Fault[]> {
  const { project, stateBucket } = options;
  const rights = await checkRights(world, askRights(project, token, ROLL_OUT_RIGHTS), (missing) => ({
    fault: `you lack rights in ${project}: ${missing}`,
    step: "check the project's name, or have somebody give you these rights: terraform/modules/deploy-identity lists what a deployer has",
  }));
  const permissions = ["storage.objects.get", "storage.objects.create", "storage.objects.delete"];
  const query = permissions.map((permission) => `permissions=${permission}`).join("&");
  const bucket = {
    title: `rights on the bucket ${stateBucket}`,
    method: "GET",
    url: `https://storage.googleapis.com/storage/v1/b/${stateBucket}/iam/testPermissions?${query}`,
    token,
    permissions,
  } as const;
  const state = await checkRights(world, bucket, (missing) => ({
    fault: `the state's bucket gs://${stateBucket} is not there or not yours to write (${missing})`,
    step: `make it: gcloud storage buckets create gs://${stateBucket} --project ${project} --location ${options.region ?? "REGION"} --uniform-bucket-level-access --public-access-prevention && gcloud storage buckets update gs://${stateBucket} --versioning; or name another with --state-bucket`,
  }));
  return [...rights, ...state];
}

function checkSettings({ project, environment, region }: Options, world: World): Fault[] {
  const path = `terraform/environments/${environment}/terraform.tfvars`;
  if (world.settings === null) {
    return [{ fault: `${path} is not there`, step: `cp ${path}.example ${path}, and fill it in` }];
  }
  const named = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=\\s*"([^"]*)"`, "m").exec(world.settings ?? "")?.[1];
  const [projectThere = project, regionThere] = [named("project_id"), named("region")];
  const faults: Fault[] = [];
  if (projectThere !== project) {
    faults.push({
      fault: `${path} is about the project ${projectThere}, and you named ${project}`,
      step: `name --project ${projectThere}, or correct the file`,
    });
  }
  if (region !== null && regionThere !== undefined && regionThere !== region) {
    faults.push({
      fault: `${path} is about the region ${regionThere}, and you named ${region}`,
      step: "leave --region out, or correct the file; everything stays in one region",
    });
  }
  if (named("image") !== undefined) {
    faults.push({
      fault: `${path} names an image, which would run before anything is migrated`,
      step: "remove that line; another image than this commit's is named with --image",
    });
  }
  return faults;
}

/** Where nobody looks on, no providers are taken that nobody has agreed to. */
function checkProviderLock({ environment }: Options, { confirm, hasProviderLock, isDry }: World): Fault[] {
  if (hasProviderLock || isDry || confirm !== null) return [];
  const path = `terraform/environments/${environment}/.terraform.lock.hcl`;
  return [
    {
      fault: `${path} is not there, so that each deployment could take other providers`,
      step: "deploy once at a terminal, which writes it, and commit it",
    },
  ];
}

function checkNode({ nodeVersion }: World): Fault[] {
  if (Number.parseInt(nodeVersion, 10) >= NODE_MAJOR_MIN) return [];
  return [
    {
      fault: `Node is ${nodeVersion}, and ${NODE_MAJOR_MIN} is needed`,
      step: "run it as: npm run deploy -- …",
    },
  ];
}

async function checkTerraform(world: World): Promise<Fault[]> {
  const answer = await look(world, localCommand("terraform", ["version", "-json"]));
  const step = `install 1.${TERRAFORM_MINOR_MIN} or a later 1.x: https://developer.hashicorp.com/terraform/install`;
  if (answer.code === null) return [{ fault: "Terraform is not installed", step }];
  const version = readTerraformVersion(answer.stdout);
  if (version === null) return [{ fault: "Terraform does not tell its version", step }];
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major === 1 && minor >= TERRAFORM_MINOR_MIN) return [];
  return [{ fault: `Terraform is ${version}`, step }];
}

const versionSchema = z.object({ terraform_version: z.string() });

function readTerraformVersion(json: string): string | null {
  try {
    return versionSchema.parse(JSON.parse(json)).terraform_version;
  } catch {
    return null;
  }
}

async function checkBuilder({ image, builder }: Options, world: World): Promise<Fault[]> {
  if (image !== null || builder !== "docker") return [];
  const answer = await look(world, localCommand("docker", ["version", "--format={{.Server.Version}}"]));
  if (answer.code === 0) return [];
  return [
    {
      fault: answer.code === null ? "docker is not installed" : "docker's engine does not answer",
      step: "start it, or let Google build the image: --builder cloud-build",
    },
  ];
}

function localCommand(program: string, args: readonly string[]): Command {
  return { title: `whether ${program} is there`, program, args, timeoutMs: 60_000, isLocal: true };
}

async function look(world: World, command: Command): Promise<Answer> {
  stopIfAsked(world);
  return world.run(command);
}

/** Throws every fault at once; a dry run tells them, since nothing depends on them there. */
export function settle(world: World, faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  if (!world.isDry) throw refusal(faults);
  world.warn(faults.map(({ fault, step }) => `  would stop here: ${fault}\n    -> ${step}\n`).join(""));
}

function refusal(faults: readonly Fault[]): DeployError {
  return new DeployError(`Nothing was changed. ${faults.length} in the way:`, {
    steps: faults.map(({ fault, step }) => `${fault}\n    -> ${step}`),
  });
}
