import { parseArgs } from "node:util";

const ENVIRONMENTS = ["dev", "prod"] as const;
type Environment = (typeof ENVIRONMENTS)[number];
const BUILDERS = ["docker", "cloud-build"] as const;
type Builder = (typeof BUILDERS)[number];

export interface Options {
  project: string;
  environment: Environment;
  /** Null leaves it to terraform.tfvars. */
  region: string | null;
  stateBucket: string;
  /** An image that is built already, by its digest. */
  image: string | null;
  builder: Builder;
  migrates: boolean;
  isDry: boolean;
  /** In a dry run: whether nothing is there yet. */
  isFirst: boolean;
  yes: boolean;
}

/** Asked for in place of a deployment. */
export interface FirstKey {
  organization: string;
}

export const HELP = `Usage: npm run deploy -- --project PROJECT --env dev|prod [options]

Checks tools and rights, builds, pushes, shows what Terraform would change, asks, migrates with the new image, switches the
functions to it, tries them through their addresses, and goes back to the image before when they do not answer as they should.
Run it again after any failure or interruption: it goes on where it is.

  --dry-run              print every command in order and run none that changes or asks anything outside this machine
  --first                with --dry-run: as if the project were empty
  --yes                  do not ask; what deletes data is asked about all the same
  --region REGION        where terraform.tfvars names none
  --state-bucket NAME    bucket of Terraform's state (PROJECT-terraform)
  --builder docker|cloud-build   what makes the image (docker)
  --image NAME@sha256:…  deploy this image instead of building one: promote, or go back by hand with --no-migrate
  --no-migrate           leave the databases' schemas as they are; an older image cannot migrate a newer schema
  --first-key NAME       deploy nothing: print an API key for an organization, and the SQL that lets it in
  --help                 print this

Settings are in terraform/environments/ENV/terraform.tfvars; the first time, TF_VAR_owner_password is needed as well.

Exit codes: 0 deployed; 1 not deployed, and what served before serves; 2 not understood or not agreed to; 3 a person has to look.
`;

/** A command line that was not understood; the message has every fault, a line each. */
export class UsageError extends Error {}

/** Reads the command line; null when help was asked for. Throws UsageError. */
export function readOptions(args: readonly string[]): Options | FirstKey | null {
  const values = parse(args);
  if (values.help === true) return null;
  if (values["first-key"] !== undefined) return { organization: values["first-key"] };
  const project = values.project ?? "";
  const environment = ENVIRONMENTS.find((name) => name === values.env);
  const builder = BUILDERS.find((name) => name === (values.builder ?? "docker"));
  const faults = [
    /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(project) ? "" : "--project takes the id of a Google Cloud project",
    environment === undefined ? `--env takes ${ENVIRONMENTS.join(" or ")}` : "",
    builder === undefined ? `--builder takes ${BUILDERS.join(" or ")}` : "",
    values.region === undefined || /^[a-z]+-[a-z]+[0-9]+$/.test(values.region)
      ? ""
      : "--region takes a region such as europe-west1",
    values["state-bucket"] === undefined || /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/.test(values["state-bucket"])
      ? ""
      : "--state-bucket takes the name of a bucket, without gs://",
    values.image === undefined || /^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$/.test(values.image)
      ? ""
      : "--image takes an image by its digest, NAME@sha256:…; a tag can mean another image tomorrow",
    values.first === true && values["dry-run"] !== true ? "--first belongs to --dry-run" : "",
  ].filter((fault) => fault !== "");
  if (environment === undefined || builder === undefined || faults.length > 0) {
    throw new UsageError(faults.join("\n"));
  }
  return {
    project,
    environment,
    region: values.region ?? null,
    stateBucket: values["state-bucket"] ?? `${project}-terraform`,
    image: values.image ?? null,
    builder,
    migrates: values["no-migrate"] !== true,
    isDry: values["dry-run"] ?? false,
    isFirst: values.first ?? false,
    yes: values.yes ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        project: { type: "string" },
        env: { type: "string" },
        region: { type: "string" },
        "state-bucket": { type: "string" },
        image: { type: "string" },
        builder: { type: "string" },
        "no-migrate": { type: "boolean" },
        "dry-run": { type: "boolean" },
        first: { type: "boolean" },
        "first-key": { type: "string" },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
