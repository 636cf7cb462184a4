import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";

/** What one bundle became. */
export interface Bundle {
  /** Bytes of what is loaded at the start, and of what is loaded when it is first needed. */
  eagerBytes: number;
  lazyBytes: number;
  /** Packages it does not hold, which are installed beside it. */
  packages: string[];
}

/** Google's packages are installed, not bundled: the framework must be the one that serves, the clients are rarely loaded. */
const INSTALLED = "@google-cloud/*";
/** An addition to pg that is not installed. */
const ABSENT = "pg-native";
const PACKAGE_NAME = /^(@[^/]+\/)?[^/]+/;
/** What is not an ES module asks for Node's own modules by `require`. */
const REQUIRE = `import { createRequire as netraRequire } from "node:module"; const require = netraRequire(import.meta.url);`;

const SETTINGS = {
  chunkNames: "later/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node24",
  format: "esm",
  banner: { js: REQUIRE },
  sourcemap: true,
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/**
 * Bundles one entry into a folder, as ES modules with source maps: `NAME.js`, and below `later/` what is imported
 * dynamically. White space goes; names stay, so that a stack can be read without its map.
 */
export async function bundle(entry: string, name: string, folder: string): Promise<Bundle> {
  const { metafile } = await build({
    ...SETTINGS,
    entryPoints: { [name]: entry },
    outdir: folder,
    external: [INSTALLED, ABSENT],
    plugins: [plainHttp, englishOnly],
  });
  return describe(metafile, `${name}.js`);
}

/**
 * Bundles the framework into a folder: `main.js`, its program, and `index.js`, what functions import of it. Reading its
 * two hundred files one by one is a quarter of a start.
 */
export async function bundleFramework(entry: string, folder: string): Promise<void> {
  const framework = fileURLToPath(import.meta.resolve("@google-cloud/functions-framework"));
  await build({
    ...SETTINGS,
    // The program is not among the package's exports.
    entryPoints: { index: entry, main: join(dirname(framework), "main.js") },
    outdir: folder,
  });
}

function describe({ outputs }: Metafile, entry: string): Bundle {
  const eager = new Set<string>();
  const visit = (path: string): void => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const imported of outputs[path]?.imports ?? []) {
      if (imported.kind === "import-statement" && imported.external !== true) visit(imported.path);
    }
  };
  const code = Object.keys(outputs).filter((path) => path.endsWith(".js"));
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
  return { eagerBytes: bytes(true), lazyBytes: bytes(false), packages: [...new Set(packages)].sort() };
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

/** Faults are told in English only; zod brings its messages in fifty languages, which are half of a bundle. */
const englishOnly: Plugin = {
  name: "english-only",
  setup(builder) {
    builder.onLoad({ filter: /zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};
