import { z } from "zod";

/** A lock file of npm, by the folder of each package. */
const lockSchema = z.object({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })),
});
type Lock = z.output<typeof lockSchema>;

const bomSchema = z.looseObject({
  serialNumber: z.string(),
  metadata: z.looseObject({ timestamp: z.string() }),
  components: z.array(z.looseObject({ "bom-ref": z.string() })),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

export function readLock(text: string): Lock {
  return lockSchema.parse(JSON.parse(text));
}

/** `name@version` of the packages in these folders; throws for one that the lock file does not know. */
export function namesOf({ packages }: Lock, folders: readonly string[]): string[] {
  return folders.map((folder) => {
    const version = packages[folder]?.version;
    if (version === undefined) throw new Error(`${folder} is not in the lock file`);
    return `${folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length)}@${version}`;
  });
}

/**
 * Of a bill of materials as npm writes it (CycloneDX), what is about these packages: the rest was asked for by something
 * that is there and is not there itself. Without its date and number, so that the same sources give the same bytes. Throws
 * for a package it does not list.
 */
export function reduceBom(text: string, names: ReadonlySet<string>): string {
  const { serialNumber: _, metadata, ...bom } = bomSchema.parse(JSON.parse(text));
  const { timestamp: __, ...tellable } = metadata;
  const components = bom.components.filter((one) => names.has(one["bom-ref"]));
  const listed = new Set(components.map((one) => one["bom-ref"]));
  const unlisted = [...names].filter((name) => !listed.has(name));
  if (unlisted.length > 0) throw new Error(`npm's bill of materials lacks ${unlisted.join(", ")}`);
  const all = new Set(bom.components.map((one) => one["bom-ref"]));
  const isThere = (name: string): boolean => listed.has(name) || !all.has(name);
  const dependencies = bom.dependencies.filter(({ ref }) => isThere(ref));
  for (const one of dependencies) one.dependsOn = one.dependsOn.filter(isThere);
  return `${JSON.stringify({ ...bom, metadata: tellable, components, dependencies }, null, 2)}\n`;
}
