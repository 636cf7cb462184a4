const LANGUAGES: Readonly<Record<string, string>> = {
  ts: "typescript",
  tsx: "typescript",
  mts: "typescript",
  cts: "typescript",
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  py: "python",
  pyi: "python",
  ipynb: "python",
  go: "go",
  rs: "rust",
  java: "java",
  kt: "kotlin",
  kts: "kotlin",
  swift: "swift",
  rb: "ruby",
  php: "php",
  cs: "csharp",
  cpp: "cpp",
  cc: "cpp",
  hpp: "cpp",
  c: "c",
  h: "c",
  scala: "scala",
  ex: "elixir",
  exs: "elixir",
  hs: "haskell",
  lua: "lua",
  dart: "dart",
  sql: "sql",
  sh: "shell",
  bash: "shell",
  zsh: "shell",
  fish: "shell",
  ps1: "powershell",
  tf: "terraform",
  hcl: "terraform",
  html: "html",
  css: "css",
  scss: "css",
  vue: "vue",
  svelte: "svelte",
  md: "markdown",
  mdx: "markdown",
  yml: "yaml",
  yaml: "yaml",
  proto: "protobuf",
  graphql: "graphql",
  gql: "graphql",
  zig: "zig",
};

/** The language a file is written in, by its extension; null when that does not say. */
export function languageOfPath(path: string): string | null {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return Object.hasOwn(LANGUAGES, extension) ? (LANGUAGES[extension] ?? null) : null;
}

/** The language of a fenced code block, by its tag. */
export function languageOfFence(tag: string): string | null {
  const name = tag.toLowerCase();
  return Object.values(LANGUAGES).includes(name) ? name : languageOfPath(`.${name}`);
}

const GENERIC = new Set(
  (
    "src lib libs app apps packages package pkg cmd internal test tests __tests__ spec specs main source sources dist build out bin " +
    "node_modules vendor target users home user root tmp temp var usr etc opt mnt private workspace workspaces projects project " +
    "repos repo code git github github.com dev documents desktop work java com org io index public assets static www"
  ).split(" "),
);
const PLAIN_FOLDER = /^[A-Za-z0-9_@][\w.-]{1,39}$/;
const COMPONENTS_PER_PATH_MAX = 2;

/**
 * The parts of a system that a path points into: its telling folders. Of a relative path the outermost, of an absolute
 * one the innermost, since it begins with somebody's home.
 */
export function componentsOfPath(path: string): string[] {
  const isAbsolute = /^(?:[/~]|[A-Za-z]:)/.test(path);
  const folders = path.split(/[\\/]/).slice(0, -1);
  // `/Users/<name>/…` and `/home/<name>/…`
  const home = folders.findIndex((folder) => /^(?:users|home)$/i.test(folder));
  const telling = folders
    .slice(isAbsolute && home !== -1 && home <= 1 ? home + 2 : 0)
    .map((folder) => folder.replace(/^[@.]/, "").toLowerCase())
    .filter((folder) => PLAIN_FOLDER.test(folder) && !GENERIC.has(folder));
  return isAbsolute ? telling.slice(-COMPONENTS_PER_PATH_MAX) : telling.slice(0, COMPONENTS_PER_PATH_MAX);
}

/** A path as it is compared: no `@` of a mention, no line number, forward slashes. */
export function plainPath(word: string): string {
  return word
    .replace(/^@/, "")
    .replace(/(?::\d[\d:-]*|#L[\dL-]+)$/, "")
    .replaceAll("\\", "/");
}
