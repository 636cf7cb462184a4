import { cloudBuildCommand, digestCommand, dockerLoginCommand } from "./gcloud-commands.ts";
import type { Options } from "./options.ts";
import type { Standing } from "./standing.ts";
import { type Command, DeployError, must, stopIfAsked, type World } from "./world.ts";

const MINUTE_MS = 60_000;
/** What an image is made of. */
const SOURCES = ["functions", "shared", "migrations", "package.json", "package-lock.json"];
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const DRY_DIGEST = `sha256:${"1".repeat(64)}`;

/** The state of the sources: what an image is named by. */
interface Sources {
  /** Null where there is no git. */
  commit: string | null;
  hasChanges: boolean;
}

/**
 * The image to deploy, by its digest: the one that was named, the one that was pushed from this commit before, or one that
 * is built and pushed now. The digest is what the registry says, not what the builder thinks.
 */
export async function provideImage(options: Options, world: World, standing: Standing): Promise<string> {
  if (options.image !== null) return options.image;
  const sources = await readSources(world);
  if (options.environment === "prod" && sources.hasChanges && !world.isDry) {
    throw new DeployError(
      "There are changes that are not committed, so nobody could tell later what runs in prod.",
      {
        steps: ["commit them, or put them aside; or deploy an image that was tried: --image NAME@sha256:…"],
      },
    );
  }
  const name = `${standing.registry}/functions`;
  const tagged = `${name}:${tagOf(sources, world.now())}`;
  const before = await findDigest(options, world, tagged, { code: 1 });
  if (before !== null) {
    world.tell(`  ${tagged} was pushed before and is taken as it is\n`);
    return `${name}@${before}`;
  }
  for (const command of buildCommands(options, standing, tagged)) await must(world, command);
  const digest = await findDigest(options, world, tagged, { stdout: `${DRY_DIGEST}\n` });
  if (digest === null) throw new DeployError(`The registry does not have ${tagged}, which was just pushed.`);
  return `${name}@${digest}`;
}

async function readSources(world: World): Promise<Sources> {
  stopIfAsked(world);
  const commit = await world.run(git("the commit", ["rev-parse", "--short=12", "HEAD"]));
  if (commit.code !== 0) return { commit: null, hasChanges: true };
  const changes = await world.run(
    git("changes that are not committed", ["status", "--porcelain", "--", ...SOURCES]),
  );
  return { commit: commit.stdout.trim(), hasChanges: changes.code !== 0 || changes.stdout.trim() !== "" };
}

function git(title: string, args: readonly string[]): Command {
  return { title, program: "git", args, timeoutMs: MINUTE_MS, isLocal: true };
}

/** A tag is never pushed twice, since what it names is taken as it is; so what no commit names is named by the time. */
function tagOf({ commit, hasChanges }: Sources, now: Date): string {
  if (commit !== null && !hasChanges) return commit;
  const time = now
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, "")
    .toLowerCase();
  return commit === null ? time : `${commit}-${time}`;
}

async function findDigest(
  options: Options,
  world: World,
  image: string,
  dryAnswer: Command["dryAnswer"],
): Promise<string | null> {
  stopIfAsked(world);
  const answer = await world.run(digestCommand(options, image, dryAnswer));
  const digest = answer.stdout.trim();
  return answer.code === 0 && DIGEST.test(digest) ? digest : null;
}

function buildCommands(options: Options, standing: Standing, image: string): Command[] {
  const build: Command = {
    title: "build the functions into dist/",
    program: "npm",
    args: ["run", "--silent", "build"],
    timeoutMs: 15 * MINUTE_MS,
    isShown: true,
  };
  if (options.builder === "cloud-build") {
    // Cloud Build gets the folder alone, and looks for the file in it.
    const file = {
      title: "add the Dockerfile",
      program: "cp",
      args: ["functions/Dockerfile", "dist/Dockerfile"],
    };
    return [build, { ...file, timeoutMs: MINUTE_MS }, cloudBuildCommand(options, standing.region, image)];
  }
  const host = standing.registry.slice(0, standing.registry.indexOf("/"));
  return [
    build,
    {
      title: "build the image",
      program: "docker",
      // Cloud Run takes this platform alone, whatever this machine is.
      args: ["build", "--platform=linux/amd64", "--file=functions/Dockerfile", `--tag=${image}`, "dist"],
      // One image under the digest, not an index of an image and what was said about it.
      env: { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" },
      timeoutMs: 30 * MINUTE_MS,
      isShown: true,
    },
    dockerLoginCommand(host),
    {
      title: "push the image",
      program: "docker",
      args: ["push", image],
      timeoutMs: 30 * MINUTE_MS,
      isShown: true,
    },
  ];
}
