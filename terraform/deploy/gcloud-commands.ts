import type { Options } from "./options.ts";
import type { Command } from "./world.ts";

const MINUTE_MS = 60_000;
/** The job ends itself after an hour (modules/job), and has to be started first. */
const MIGRATE_MS = 70 * MINUTE_MS;

const DRY_TOKEN = { stdout: "TOKEN\n" };

export function accountCommand(): Command {
  return gcloud("who is logged in", ["auth", "list", "--filter=status:ACTIVE", "--format=value(account)"], {
    dryAnswer: { stdout: "you@example.com\n" },
  });
}

/** Its answer is a secret. */
export function accessTokenCommand(): Command {
  return gcloud("a token to ask Google with", ["auth", "print-access-token"], { dryAnswer: DRY_TOKEN });
}

/** Its answer is a secret. */
export function defaultTokenCommand(): Command {
  return gcloud(
    "whether Terraform may act for you",
    ["auth", "application-default", "print-access-token", "--quiet"],
    { dryAnswer: DRY_TOKEN },
  );
}

/** A token of a person; its answer is a secret. */
export function identityTokenCommand(): Command {
  return gcloud("a token to ask the health function with", ["auth", "print-identity-token"], {
    dryAnswer: DRY_TOKEN,
  });
}

/** Says a version's name when the secret has a value. */
export function secretVersionCommand({ project }: Options, secret: string): Command {
  return gcloud(
    `whether ${secret} has a value`,
    [
      "secrets",
      "versions",
      "list",
      secret,
      `--project=${project}`,
      "--filter=state:ENABLED",
      "--limit=1",
      "--format=value(name)",
    ],
    { dryAnswer: { stdout: "1\n" } },
  );
}

export function dockerLoginCommand(host: string): Command {
  return gcloud(`let docker push to ${host}`, ["auth", "configure-docker", host, "--quiet"]);
}

/** Says the digest of a tag; fails when there is no such tag. */
export function digestCommand({ project }: Options, image: string, dryAnswer: Command["dryAnswer"]): Command {
  return gcloud(
    "digest of the image in the registry",
    [
      "artifacts",
      "docker",
      "images",
      "describe",
      image,
      `--project=${project}`,
      "--format=value(image_summary.digest)",
    ],
    dryAnswer === undefined ? {} : { dryAnswer },
  );
}

export function cloudBuildCommand({ project }: Options, region: string, image: string): Command {
  return gcloud(
    "build the image with Cloud Build",
    [
      "builds",
      "submit",
      "dist",
      `--tag=${image}`,
      `--project=${project}`,
      `--region=${region}`,
      "--timeout=20m",
      "--quiet",
    ],
    { isShown: true, timeoutMs: 30 * MINUTE_MS },
  );
}

/** The name that terraform/modules/stack gives the job. */
export function migrateJobOf({ environment }: Options): string {
  return `netra-${environment}-migrate`;
}

/** Runs the migration job with the image it has, and waits for its end; then the logins get their rights in the schema. */
export function migrateCommand(
  options: Options,
  { region }: { region: string },
  logins: readonly string[],
): Command {
  const { project } = options;
  return gcloud(
    "migrate PostgreSQL and ClickHouse, and give the functions' logins their rights",
    [
      "run",
      "jobs",
      "execute",
      migrateJobOf(options),
      `--project=${project}`,
      `--region=${region}`,
      `--args=${["up", ...logins.map((login) => `--login=${login}`)].join(",")}`,
      "--wait",
    ],
    { isShown: true, timeoutMs: MIGRATE_MS },
  );
}

function gcloud(title: string, args: readonly string[], more: Partial<Command> = {}): Command {
  return { title, program: "gcloud", args, timeoutMs: 2 * MINUTE_MS, ...more };
}
