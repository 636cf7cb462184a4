import { readFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";

/** What one bundle became. */
export interface Bundle {
  /** Bytes of what is loaded at the start, and of what is loaded when it is first needed. */
  eagerBytes: number;
  lazyBytes: number;
  /** Packages it does not hold, which are installed beside it. */
  packages: string[];
  /** Folders of the packages it does hold something of, from the project's own on. */
  contents: string[];
}

/** Google's packages are installed, not bundled: the framework must be the one that serves, the clients are rarely loaded. */
const INSTALLED = "@google-cloud/*";
/** An addition to pg that is not installed. */
const ABSENT = "pg-native";
const PACKAGE_FOLDER = /(^|.*\/)node_modules\/(@[^/]+\/)?[^/]+/;
const PACKAGE_NAME = /^(@[^/]+\/)?[^/]+/;
/** What is not an ES module asks for Node's own modules by `require`. */
const REQUIRE = `import { createRequire as netraRequire } from "node:module"; const require = netraRequire(import.meta.url);`;

const SETTINGS = {
  absWorkingDir: dirname(import.meta.dirname),
  chunkNames: "later/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node24",
  format: "esm",
  banner: { js: REQUIRE },
  sourcemap: true,
  sourcesContent: false,
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/**
 * Bundles one entry into a folder, as ES modules with source maps: the file that is named, and below `later/` what is
 * imported dynamically. White space goes; names stay, so that a stack can be read without its map. The maps
 * name the sources and do not repeat them.
 */
export async function bundle(entry: string, file: string, folder: string): Promise<Bundle> {
  const extension = extname(file);
  const { metafile } = await build({
    ...SETTINGS,
    entryPoints: { [basename(file, extension)]: entry },
    outExtension: { ".js": extension },
    outdir: folder,
    external: [INSTALLED, ABSENT],
    // Itself a bundle otherwise, of packages nobody could tell are there.
    alias: { glob: "glob/raw" },
    plugins: [plainHttp, zodByName],
  });
  return describe(metafile, file);
}

/**
 * Bundles the framework into a folder: `main.js`, its program, and `index.js`, what functions import of it. Reading its
 * two hundred files one by one is a quarter of a start. Resolves with the folders of the packages they hold something of.
 */
export async function bundleFramework(entry: string, folder: string): Promise<string[]> {
  const framework = fileURLToPath(import.meta.resolve("@google-cloud/functions-framework"));
  const { metafile } = await build({
    ...SETTINGS,
    // The program is not among the package's exports.
    entryPoints: { index: entry, main: join(dirname(framework), "main.js") },
    outdir: folder,
  });
  return contentsOf(metafile);
}

function describe(metafile: Metafile, entry: string): Bundle {
  const { outputs } = metafile;
  const eager = new Set<string>();
  const visit = (path: string): void => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const imported of outputs[path]?.imports ?? []) {
      if (imported.kind === "import-statement" && imported.external !== true) visit(imported.path);
    }
  };
  const code = Object.keys(outputs).filter((path) => !path.endsWith(".map"));
  for (const path of code)
    if (basename(path) === entry && outputs[path]?.entryPoint !== undefined) visit(path);
  const bytes = (isEager: boolean): number =>
    code
      .filter((path) => eager.has(path) === isEager)
      .reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
  const packages = code
    .flatMap((path) => outputs[path]?.imports ?? [])
    .filter((imported) => imported.external === true && imported.path.startsWith("@google-cloud/"))
    .map((imported) => PACKAGE_NAME.exec(imported.path)?.[0] ?? imported.path);
  return {
    eagerBytes: bytes(true),
    lazyBytes: bytes(false),
    packages: [...new Set(packages)].sort(),
    contents: contentsOf(metafile),
  };
}

/** esbuild names files from the folder it works in, which is the project's own. */
function contentsOf({ outputs }: Metafile): string[] {
  const files = Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return [...new Set(files.flatMap(([file]) => PACKAGE_FOLDER.exec(file)?.[0] ?? []))].sort();
}

/**
 * `import … from "node:http"` reads every export once, and one of them loads all of Node's fetch: 8 ms at every start.
 * Getting the module itself reads none.
 */
const plainHttp: Plugin = {
  name: "plain-http",
  setup(builder) {
    builder.onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === "import-statement" ? { path: "http", namespace: "plain" } : null,
    );
    builder.onLoad({ filter: /^http$/, namespace: "plain" }, () => ({
      // Not an ES module, so that its names are looked up when they are used.
      contents: 'module.exports = process.getBuiltinModule("node:http");',
    }));
  },
};

/**
 * Of `z` from zod a bundle gets everything, be it used or not; of zod as a namespace only what is used. That leaves out
 * messages in fifty languages and, of a whole bundle, another quarter.
 */
const zodByName: Plugin = {
  name: "zod-by-name",
  setup(builder) {
    builder.onLoad({ filter: /[/\\](functions|shared|migrations)[/\\][^.]+\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace('import { z } from "zod"', 'import * as z from "zod"'),
      loader: "ts",
    }));
  },
};
