import { z } from "zod";
import type { Options } from "./options.ts";
import { outputCommand } from "./terraform-commands.ts";
import { must, type World } from "./world.ts";

/** What stands in the project, from Terraform's outputs. */
export interface Standing {
  /** REGION-docker.pkg.dev/PROJECT/REPOSITORY */
  registry: string;
  region: string;
  /** Logins of the functions in the database. */
  logins: readonly string[];
  /** Ids of secrets, by what they are for. */
  secrets: Readonly<Record<string, string>>;
  /** Where each function is called. */
  uris: Readonly<Record<string, string>>;
  /** The images that run; more than one when a deployment stopped half way. */
  images: readonly string[];
}

const output = <T extends z.ZodType>(schema: T) => z.object({ value: schema }).optional();

const outputsSchema = z.object({
  registry: output(z.string().regex(/^[a-z0-9-]+-docker\.pkg\.dev\/[^/]+\/[^/]+$/)),
  database: output(z.object({ logins: z.record(z.string(), z.string()) })),
  secrets: output(z.record(z.string(), z.string())),
  functions: output(z.record(z.string(), z.object({ uri: z.string(), image: z.string() }))),
});

/** What is there; null where the registry is not there yet, so that no image can be pushed. */
export async function readStanding(
  options: Options,
  world: World,
  { dryIsEmpty = false, dryRuns = true } = {},
): Promise<Standing | null> {
  const dryAnswer = dryIsEmpty ? "{}" : drySample(options, dryRuns);
  const { stdout } = await must(world, outputCommand(options, dryAnswer));
  return parseStanding(stdout);
}

/** Reads `terraform output -json`. */
function parseStanding(json: string): Standing | null {
  const found = outputsSchema.parse(JSON.parse(json));
  if (found.registry === undefined) return null;
  const registry = found.registry.value;
  const functions = found.functions?.value ?? {};
  return {
    registry,
    region: registry.slice(0, registry.indexOf("-docker.pkg.dev/")),
    logins: Object.values(found.database?.value.logins ?? {}).sort(),
    secrets: found.secrets?.value ?? {},
    uris: Object.fromEntries(Object.entries(functions).map(([name, { uri }]) => [name, uri])),
    images: [...new Set(Object.values(functions).map(({ image }) => image))],
  };
}

/** What a dry run takes to be there: the names that Terraform gives. */
function drySample({ project, region, environment }: Options, runs: boolean): string {
  const place = region ?? "REGION";
  const prefix = `netra-${environment}`;
  const registry = `${region ?? "europe-west1"}-docker.pkg.dev/${project}/${prefix}`;
  const image = `${registry}/functions@sha256:${"0".repeat(64)}`;
  const names = ["ingest", "webhooks", "insights", "events", "patterns", "retention", "health"];
  const functions = names.map((name) => [
    name,
    { uri: `https://${prefix}-${name}-HASH.${place}.run.app`, image },
  ]);
  return JSON.stringify({
    registry: { value: registry },
    database: {
      value: { logins: Object.fromEntries(names.map((name) => [name, `${prefix}-${name}@${project}.iam`])) },
    },
    functions: { value: runs ? Object.fromEntries(functions) : {} },
  });
}
