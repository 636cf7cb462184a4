import type { ShellWord } from "./shell-words.ts";

const set = (words: string): ReadonlySet<string> => new Set(words.split(" "));

/** How many words after the program name its action. */
const SUBCOMMANDS = new Map<string, number>();
for (const name of set(
  "git npm yarn pnpm bun cargo go docker podman kubectl helm terraform tofu dotnet pip pip3 poetry uv " +
    "rails mix flutter composer brew apt apt-get systemctl npx pnpx bunx deno nx turbo vercel firebase " +
    "supabase prisma just task make rake gradle gradlew mvn sbt bazel heroku fly flyctl ng expo " +
    "claude codex gemini opencode cursor-agent copilot goose",
)) {
  SUBCOMMANDS.set(name, 1);
}
for (const name of ["gh", "glab", "aws", "az", "docker-compose"]) SUBCOMMANDS.set(name, 2);
SUBCOMMANDS.set("gcloud", 3);

const PLAIN_PROGRAMS = set(
  "python python3 node tsx ts-node ruby php perl java javac gcc clang cmake ninja pytest vitest jest mocha playwright " +
    "cypress eslint oxlint oxfmt prettier ruff mypy black tsc webpack vite esbuild rollup ls cd cp mv rm mkdir rmdir touch chmod " +
    "chown ln pwd grep egrep rg ag fd sed awk xargs curl wget ssh scp rsync tar gzip unzip psql mysql mysqldump sqlite3 " +
    "redis-cli mongosh clickhouse clickhouse-client jq yq bash sh zsh fish echo printf env export source ps htop df du uname whoami " +
    "journalctl lsof netstat ping dig nslookup openssl ansible ansible-playbook vagrant tmux code vim nvim nano tree diff wc sleep",
);
/** Programs whose names are also English words: taken for a command only on further evidence. */
const ALSO_ENGLISH = set(
  "make go task just find cat sort cut head tail kill test time watch open top join split which man less more node expo source code echo sleep diff touch export fish fly",
);
const ENGLISH_PROGRAMS = set(
  "find cat sort cut head tail kill test time watch open top join split which man less more",
);
const GO_ACTIONS = set(
  "build test run mod vet fmt get install generate tool work env version clean doc list",
);

/** Words that do not stand unquoted in a command line. */
const PROSE = set(
  "the please is are was were this that these those it its my your our we you they should could would can will with and " +
    "but because when why how what fails failing doesn't don't isn't i'm me about some any into also so through",
);

const WRAPPERS = set("sudo time nohup env command exec nice doas");
const TAKES_VALUE = new Map<string, ReadonlySet<string>>([
  ["git", set("-C -c --git-dir --work-tree")],
  ["docker", set("-H --host --context -c")],
  ["kubectl", set("-n --namespace --context --kubeconfig")],
  ["npm", set("--prefix -w --workspace")],
  ["pnpm", set("-C --filter -F")],
  ["helm", set("-n --namespace --kube-context")],
  ["aws", set("--profile --region")],
  ["gcloud", set("--project --account")],
  ["gh", set("-R --repo")],
]);
const NO_FLAGS: ReadonlySet<string> = new Set();
const ASSIGNMENT = /^[A-Za-z_]\w*=/;
const ACTION = /^[a-z][\w:.-]{0,39}$/;
const RUNNERS = /^(?:run|run-script|exec|x|compose|mod)$/;

export interface ShellCommand {
  readonly base: string;
  /** The words after the base. */ readonly rest: readonly ShellWord[];
  /** Flags of this program that are followed by a value. */
  readonly valueFlags: ReadonlySet<string>;
}

/** Whether a word could start a command line: a cheap look before the line is split. */
export function mayStartCommand(word: string): boolean {
  const name = programName(word);
  return isProgram(name) || WRAPPERS.has(name) || ASSIGNMENT.test(word) || /^\.{0,2}\/[\w./-]+$/.test(word);
}

/** Reads a command line's program and action (`git commit`, `npm run build`); null when it reads like prose. */
export function findShellCommand(words: readonly ShellWord[]): ShellCommand | null {
  const line = mainSegment(words);
  let start = 0;
  while (start < line.length - 1 && isPrefix(line[start])) start++;
  const program = line[start];
  if (program === undefined || program.quoted) return null;
  const name = programName(program.value);
  const rest = line.slice(start + 1);
  if (!isProgram(name) && !isScript(program.value)) return null;
  if (rest.some((word) => !word.quoted && PROSE.has(word.value.toLowerCase()))) return null;
  if (ALSO_ENGLISH.has(name) && !hasEvidence(name, rest)) return null;
  return withAction(name, rest);
}

function isProgram(name: string): boolean {
  return SUBCOMMANDS.has(name) || PLAIN_PROGRAMS.has(name) || ENGLISH_PROGRAMS.has(name);
}

function isScript(word: string): boolean {
  return (
    /^\.{1,2}\/[\w./-]{1,200}$/.test(word) ||
    /^(?:\/usr)?(?:\/local)?\/(?:s?bin|opt)\/[\w./-]{1,200}$/.test(word)
  );
}

function programName(word: string): string {
  return word.slice(word.lastIndexOf("/") + 1);
}

function isPrefix(word: ShellWord | undefined): boolean {
  return word !== undefined && (ASSIGNMENT.test(word.value) || WRAPPERS.has(programName(word.value)));
}

/** The part of `cd x && a | b` that the line is about: the first command that is not a change of folder. */
function mainSegment(words: readonly ShellWord[]): readonly ShellWord[] {
  let from = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === undefined || word.quoted || !/^(?:&&|\|\|?|;|&)$/.test(word.value)) {
      if (word !== undefined && !word.quoted && word.value.endsWith(";") && words[from]?.value === "cd")
        from = at + 1;
      continue;
    }
    if (!/^(?:cd|export|source|set)$/.test(words[from]?.value ?? "")) return words.slice(from, at);
    from = at + 1;
  }
  return from < words.length ? words.slice(from) : words;
}

function hasEvidence(name: string, rest: readonly ShellWord[]): boolean {
  const [first] = rest;
  if (first === undefined) return name !== "go" && name !== "test" && name !== "more" && name !== "open";
  if (first.value.startsWith("-") || /[/*=]|\.\w/.test(first.value)) return true;
  if (name === "go") return GO_ACTIONS.has(first.value);
  if (name === "make" || name === "just" || name === "task")
    return rest.length <= 2 && ACTION.test(first.value);
  return first.quoted || rest.some((word) => word.value.startsWith("-"));
}

function withAction(name: string, rest: readonly ShellWord[]): ShellCommand {
  if ((name === "python" || name === "python3") && rest[0]?.value === "-m" && rest[1] !== undefined) {
    return { base: `${name} -m ${rest[1].value}`, rest: rest.slice(2), valueFlags: NO_FLAGS };
  }
  let wanted = SUBCOMMANDS.get(name) ?? 0;
  let base = name;
  const before: ShellWord[] = [];
  const valueFlags = TAKES_VALUE.get(name) ?? NO_FLAGS;
  let at = 0;
  for (; wanted > 0 && at < rest.length; at++) {
    const word = rest[at];
    if (word === undefined) break;
    if (word.value.startsWith("-")) {
      before.push(word);
      const value = rest[at + 1];
      if (valueFlags.has(word.value) && value !== undefined) {
        before.push(value);
        at++;
      }
      continue;
    }
    if (word.quoted || !ACTION.test(word.value)) break;
    base += ` ${word.value}`;
    if (!RUNNERS.test(word.value)) wanted--;
    else if (name === "cargo" || name === "go" || (name === "docker" && word.value !== "compose")) wanted--;
  }
  return { base, rest: [...before, ...rest.slice(at)], valueFlags };
}
