import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { z } from "zod";
import { namesOf, readLock, reduceBom } from "./bill-of-materials.ts";
import { type Bundle, bundle, bundleFramework } from "./bundle.ts";

/**
 * `npm run build [-- --json] [--out DIR] [--image NAME]`: everything that is deployed, in `dist/`:
 * - a folder for each function, which can be deployed by itself: its bundle, source maps and a package.json;
 * - `migrations/`, the program that brings the schemas up to date, with its SQL;
 * - `start.js`, which serves the function that FUNCTION_TARGET names, the framework, and `node_modules` for all of them: the image (see
 *   Dockerfile);
 * - `sbom.cdx.json`, what all of it is made of (CycloneDX).
 *
 * With a name it also makes the image with docker, and tells its digest.
 */

const ROOT = dirname(import.meta.dirname);
/** By this ending the framework knows an ES module; for any other it loads fifty files that read package.json: 30 ms. */
const ENTRY = "index.mjs";
/** Where the image keeps compiled code; it also tells a build's folder from any other. */
const COMPILED = ".compiled";
const OUTPUT_MAX = 64 * 1024 * 1024;
const run = promisify(execFile);

const manifestSchema = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()) });

/** Why a program failed, as execFile tells it. */
const failureSchema = z.object({
  code: z.union([z.string(), z.number()]).nullish(),
  stderr: z.string(),
});

interface Built extends Bundle {
  name: string;
}

const USAGE = `usage: npm run build [-- --json] [--out DIR] [--image NAME]

Makes everything that is deployed, in dist/ or DIR: a bundle for each function, the program that migrates, and a bill of
materials. --image makes the image too, with docker; --json tells sizes and the image's digest.
`;

const values = readArguments();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const out = resolve(values.out);
const manifest = manifestSchema.parse(JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")));

await clear(out);
const functions = await buildFunctions();
const migrations = await buildMigrations();
const framework = await bundleFramework(join(ROOT, "functions/framework.js"), join(out, "framework"));
await install([...new Set([...functions, migrations].flatMap(({ packages }) => packages))]);
await writeBillOfMaterials([framework, ...[...functions, migrations].map(({ contents }) => contents)].flat());
const digest = values.image === undefined ? null : await makeImage(values.image);
report([...functions, migrations]);

function readArguments() {
  const options = {
    json: { type: "boolean", default: false },
    out: { type: "string", default: join(ROOT, "dist") },
    image: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

/** Makes the folder anew. One that holds anything else than a build is left alone. */
async function clear(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = await readdir(folder);
  if (files.length > 0 && !files.includes(COMPILED)) {
    process.stderr.write(`${folder} is not empty, and no build made it; give --out another folder\n`);
    process.exit(2);
  }
  await rm(folder, { recursive: true });
  // In the image it belongs to the user who fills it.
  await mkdir(join(folder, COMPILED), { recursive: true });
}

async function buildFunctions(): Promise<Built[]> {
  const built: Built[] = [];
  const entries = await readdir(join(ROOT, "functions"), { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const folder = join(out, name);
    const one = await bundle(join(ROOT, "functions", name, "index.ts"), ENTRY, folder);
    await writePackage(folder, { name: `netra-${name}`, main: ENTRY, packages: one.packages });
    built.push({ name, ...one });
  }
  return built;
}

async function buildMigrations(): Promise<Built> {
  const folder = join(out, "migrations");
  const one = await bundle(join(ROOT, "migrations/cli.ts"), "cli.js", folder);
  for (const kind of ["postgres", "clickhouse"]) {
    await cp(join(ROOT, "migrations", kind), join(folder, kind), { recursive: true });
  }
  return { name: "migrations", ...one };
}

/** Installs exactly what the lock file of the sources says, without what is bundled or only for development. */
async function install(packages: readonly string[]): Promise<void> {
  for (const file of ["start.js", "warm.js"]) await cp(join(ROOT, "functions", file), join(out, file));
  await writePackage(out, { name: "netra", main: "start.js", packages });
  await lock(out);
  await npm(["ci", "--omit=dev", "--ignore-scripts", "--prefer-offline"], out);
  await rm(join(out, ".npmrc"));
}

/**
 * What is bundled, whose folders are given, and what is installed. Asked to leave out development, npm leaves out what both
 * need as well; so it is asked about everything the functions depend on, and what did not come along is taken out.
 */
async function writeBillOfMaterials(bundled: readonly string[]): Promise<void> {
  const sources = readLock(await readFile(join(ROOT, "package-lock.json"), "utf8"));
  const installed = readLock(await readFile(join(out, "node_modules/.package-lock.json"), "utf8"));
  const names = new Set([
    ...namesOf(sources, bundled),
    ...namesOf(installed, Object.keys(installed.packages)),
  ]);
  // npm names what it lists by the folder.
  const parent = await mkdtemp(join(out, "bom-"));
  const folder = join(parent, "netra");
  await mkdir(folder);
  const packages = Object.keys(manifest.dependencies);
  await writePackage(folder, { name: "netra", main: "start.js", packages });
  await lock(folder);
  const bom = await npm(
    ["sbom", "--sbom-format=cyclonedx", "--sbom-type=application", "--package-lock-only"],
    folder,
  );
  await writeFile(join(out, "sbom.cdx.json"), reduceBom(bom, names));
  await rm(parent, { recursive: true });
}

/** The lock file of the sources less what the folder's package.json does not ask for, which needs no network. */
async function lock(folder: string): Promise<void> {
  await cp(join(ROOT, "package-lock.json"), join(folder, "package-lock.json"));
  await cp(join(ROOT, ".npmrc"), join(folder, ".npmrc"));
  await npm(["install", "--package-lock-only", "--offline", "--ignore-scripts"], folder);
}

async function writePackage(
  folder: string,
  { name, main, packages }: { name: string; main: string; packages: readonly string[] },
): Promise<void> {
  const versionOf = (dependency: string): string => {
    const version = manifest.dependencies[dependency];
    if (version === undefined) throw new Error(`${dependency} is not among the dependencies of package.json`);
    return version;
  };
  const content = {
    name,
    version: manifest.version,
    private: true,
    type: "module",
    main,
    engines: { node: ">=24" },
    dependencies: Object.fromEntries(packages.map((dependency) => [dependency, versionOf(dependency)])),
  };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
}

function npm(args: readonly string[], cwd: string): Promise<string> {
  return call("npm", args, cwd);
}

/** What the program writes. When it fails, the build ends with what it says about that. */
async function call(program: string, args: readonly string[], cwd = ROOT): Promise<string> {
  try {
    const { stdout } = await run(program, args, { cwd, maxBuffer: OUTPUT_MAX });
    return stdout;
  } catch (error) {
    const { code, stderr } = failureSchema.parse(error);
    const said = code === "ENOENT" ? "it is not installed, or not in PATH" : stderr;
    process.stderr.write(`${program} ${args[0]} failed: ${said}\n`);
    return process.exit(1);
  }
}

/** The digest of the image's configuration; a registry gives the digest to deploy when the image is pushed. */
async function makeImage(image: string): Promise<string> {
  await call("docker", ["build", "-f", join(ROOT, "functions/Dockerfile"), "-t", image, out]);
  return (await call("docker", ["image", "inspect", "--format", "{{.Id}}", image])).trim();
}

function report(built: readonly Built[]): void {
  for (const { name, eagerBytes, lazyBytes } of built) {
    const lazy = lazyBytes === 0 ? "" : `, ${kilobytes(lazyBytes)} when needed`;
    process.stderr.write(`${name.padEnd(12)}${kilobytes(eagerBytes).padStart(8)}${lazy}\n`);
  }
  process.stderr.write(`written to ${out}${digest === null ? "" : `, image ${digest}`}\n`);
  const bundles = built.map(({ name, eagerBytes, lazyBytes, packages }) => ({
    name,
    eagerBytes,
    lazyBytes,
    packages,
  }));
  if (values.json) process.stdout.write(`${JSON.stringify({ out, image: digest, bundles })}\n`);
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1_000)} kB`;
}
