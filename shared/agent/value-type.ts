export type ValueType =
  | "path"
  | "url"
  | "number"
  | "uuid"
  | "id"
  | "sha"
  | "issue"
  | "version"
  | "glob"
  | "text"
  | "word"
  | "secret";

const URL_FORM = /^[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/]/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const SHA = /^(?=[a-f]*\d)(?=\d*[a-f])(?:[0-9a-f]{7,40}|[0-9a-f]{64})$/;
const NUMBER = /^[+-]?\d{1,30}(?:\.\d{1,30})?%?$/;
const VERSION = /^(?:[v^~]\d{1,6}(?:\.\d{1,6}){0,3}|\d{1,6}(?:\.\d{1,6}){2,3})(?:[-+][\w.+-]{1,40})?$/;
const ISSUE = /^(?:#\d{1,7}|[\w.-]{1,60}\/[\w.-]{1,60}#\d{1,7}|[A-Z][A-Z0-9]{1,9}-\d{1,6})$/;
const NOT_A_PROJECT = /^(?:UTF|SHA|ISO|GPT|AES|RFC|RSA|MD|TLS|ES|IEEE|HTTP|COVID|UTC|GMT|SSD|USB|TOP)-/;
const GLOB = /^(?:\*|[\w@~./{},![\]?-]*(?:\*{1,2}[./]|[./{},]\*{1,2}|\*\w*\.)[\w*./{},![\]?-]*)$/;
const ID = /^(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9]{1,64}(?:[_-][A-Za-z0-9]{1,64}){0,8}$/;

const FILE_END =
  /\.(?:[cm]?[jt]sx?|py|pyi|ipynb|go|rs|java|kts?|swift|rb|php|cs|fs|cpp|cc|c|h|hpp|m|mm|scala|clj|exs?|erl|hs|lua|dart|zig|nim|sql|sh|bash|zsh|fish|ps1|bat|tf|tfvars|hcl|ya?ml|json[cl5]?|toml|ini|cfg|conf|env|xml|html?|css|scss|sass|less|vue|svelte|astro|md|mdx|rst|txt|log|csv|tsv|parquet|proto|graphql|gql|prisma|lock|svg|png|jpe?g|gif|webp|pdf|docx?|xlsx?|zip|gz|tar|wasm|dockerfile|gradle|properties|plist|patch|diff|example)$/i;
const PRODUCT =
  /^(?:node|next|vue|nuxt|three|express|nest|react|d3|chart|discord|ember|backbone|alpine|p5)\.js$/i;
const KNOWN_FILE =
  /^(?:makefile|dockerfile|gemfile|rakefile|procfile|justfile|jenkinsfile|codeowners|license)$/i;
const DOTFILE = /^\.[a-z][\w-]{2,40}(?:\.\w{1,20})?$/;
const ROOTED = /^(?:\.{1,2}\/|~\/|[A-Za-z]:[\\/]|\/[\w.@-])/;
const SEGMENTS = /^@?[\w.@+~-]+(?:[\\/][\w.@+~()[\]$-]+)*[\\/]?$/;
const SOURCE_FOLDER =
  /^@?(?:src|lib|libs|app|apps|packages|pkg|cmd|internal|test|tests|e2e|docs?|scripts?|tools|config|functions|services?|modules|components|pages|api|client|server|shared|migrations|terraform|infra|public|assets|bin|examples?|\.[a-z]\w+)[\\/]/i;

/** What kind of thing one word of a command is. Linear in the length of the word; long words are just words. */
export function valueType(word: string): ValueType {
  if (word.startsWith("[masked:")) return "secret";
  if (word.length > 1_000) return "word";
  const first = word.charCodeAt(0);
  const isDigit = first >= 48 && first <= 57;
  if (NUMBER.test(word)) return "number";
  if (word.includes("://") && URL_FORM.test(word)) return "url";
  if (word.length === 36 && UUID.test(word)) return "uuid";
  if (SHA.test(word)) return "sha";
  if ((isDigit || first === 118 || first === 94 || first === 126) && VERSION.test(word)) return "version";
  if (ISSUE.test(word) && !NOT_A_PROJECT.test(word)) return "issue";
  if (word.includes("*") && GLOB.test(word)) return "glob";
  if (isPath(word)) return "path";
  if (word.length >= 16 && word.length <= 128 && ID.test(word)) return "id";
  return "word";
}

function isPath(word: string): boolean {
  if (word === "." || word === "..") return true;
  const file = word.replace(/(?::\d{1,7}(?:[:-]\d{1,7})?|#L\d{1,7}(?:-L?\d{1,7})?)$/, "");
  if (file.includes("/") || file.includes("\\")) {
    if (ROOTED.test(file)) return file.length > 2;
    if (!SEGMENTS.test(file)) return false;
    const slashes = file.split(/[\\/]/).length - 1;
    return slashes > 1 || SOURCE_FOLDER.test(file) || /[\\/]$/.test(file) || /[\d_.]/.test(file.slice(1));
  }
  if (FILE_END.test(file))
    return /^@?[\w.@+$()[\]-]+$/.test(file) && !PRODUCT.test(file) && !file.endsWith("@");
  return (
    DOTFILE.test(file) || (KNOWN_FILE.test(file) && /^[A-Z]/.test(file) && file.toLowerCase() !== "license")
  );
}
