import { componentsOfPath, languageOfFence, languageOfPath, plainPath } from "./command-paths.ts";
import { clipText } from "./clip-text.ts";
import { JsonBudget } from "./json-budget.ts";
import { addOnce, type TextScan } from "./scan-text.ts";
import type { TaskKind } from "./task-words.ts";

const FEATURES_VERSION = 1;

export type CommandKind = "slash_command" | "prompt" | "shell" | "notification";
type LengthClass = "xs" | "s" | "m" | "l" | "xl";

/**
 * What a command is like, for statistics and prediction. Stored as JSONB: the names are those of the stored keys. What is
 * false, zero or empty is left out, because most of it is so for most commands and each member costs an index entry.
 */
export interface CommandFeatures {
  /** Rises when the same command would get other features. */
  version: number;
  kind: CommandKind;
  task_kind: TaskKind;
  /** The agent that a command line starts, such as `claude`; absent for what is given to an agent directly. */
  agent?: string;
  length_class: LengthClass;
  words: number;
  lines: number;
  is_question?: true;
  has_code_block?: true;
  /** A stack trace, a diff or lines of a log were pasted. */
  has_pasted_output?: true;
  has_plan?: true;
  paths?: string[];
  languages?: string[];
  affects_components?: string[];
  mentions?: { files?: number; urls?: number; issues?: number; commits?: number };
}

export interface CommandText {
  readonly kind: CommandKind;
  readonly agent: string | null;
  readonly text: string;
  readonly task: TaskKind;
  readonly scan: TextScan;
}

const BYTES_MAX = 3_072;
const PATHS_MAX = 20;
const PATH_CHARS_MAX = 200;
const LABELS_MAX = 12;
const LOOKED_AT_CHARS_MAX = 16_384;

const FENCE = /(?:^|\n)[ \t]{0,8}(?:```|~~~)([A-Za-z+#]{0,20})/g;
const PASTED =
  /Traceback \(most recent call last\)|\n\s{0,20}at [\w$.<>]{1,80} ?\(|\n\s{0,20}at \S{1,200}:\d|\n(?:@@ -\d|diff --git )|\n\s{0,8}(?:ERROR|WARN|FAIL|FATAL|error|warning)[:\s[]|\n\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|panic: |\n\S{1,200}:\d{1,6}:\d{1,6}:? /;
const PLAN = /^(?:[^\n]{0,80}following plan|#{1,3} (?:Implementation )?Plan\b)/i;
const QUESTION = /[?？](?:["')\s]{0,4}$|\s*\n)/;
const QUESTION_WORD =
  /^(?:why|how|what|where|when|which|who|is|are|does|do|did|can we|should|warum|wieso|pourquoi|por qué|почему)\b/i;

export function commandFeatures(command: CommandText): CommandFeatures {
  const { text, scan } = command;
  const head = text.length > LOOKED_AT_CHARS_MAX ? text.slice(0, LOOKED_AT_CHARS_MAX) : text;
  const lines = countLines(text);
  const languages: string[] = [];
  const components: string[] = [];
  const paths: string[] = [];
  let urls = 0;
  let issues = 0;
  let commits = 0;

  for (const { value, type } of scan.references) {
    if (type === "path") {
      const path = plainPath(value);
      addOnce(paths, path);
      const language = languageOfPath(path);
      if (language !== null) addOnce(languages, language);
      for (const component of componentsOfPath(path)) addOnce(components, component);
    } else if (type === "url") {
      urls++;
      if (/\/(?:issues|pull|merge_requests|issue)\/[\w-]/.test(value)) issues++;
    } else if (type === "issue") issues++;
    else if (type === "sha") commits++;
  }
  const hasFence = head.includes("```") || head.includes("~~~");
  if (hasFence) {
    for (const fence of head.matchAll(FENCE)) {
      const language = languageOfFence(fence[1] ?? "");
      if (language !== null) addOnce(languages, language);
    }
  }
  for (const language of scan.languages) addOnce(languages, language);
  for (const component of scan.components) addOnce(components, component);

  const budget = new JsonBudget(BYTES_MAX);
  const features: CommandFeatures = {
    version: FEATURES_VERSION,
    kind: command.kind,
    task_kind: command.task,
    length_class: lengthClass(scan.words, text.length),
    words: scan.words,
    lines,
  };
  if (command.agent !== null) features.agent = command.agent;
  if (command.kind === "prompt" && isQuestion(text)) features.is_question = true;
  if (hasFence) features.has_code_block = true;
  if (lines > 1 && PASTED.test(head)) features.has_pasted_output = true;
  if (PLAN.test(head)) features.has_plan = true;
  if (languages.length > 0) features.languages = fitting(languages, LABELS_MAX, budget);
  if (components.length > 0) features.affects_components = fitting(components, LABELS_MAX, budget);
  if (paths.length > 0) features.paths = fitting(paths, PATHS_MAX, budget);
  if (paths.length + urls + issues + commits > 0) {
    features.mentions = {};
    if (paths.length > 0) features.mentions.files = paths.length;
    if (urls > 0) features.mentions.urls = urls;
    if (issues > 0) features.mentions.issues = issues;
    if (commits > 0) features.mentions.commits = commits;
  }
  return features;
}

function fitting(texts: readonly string[], max: number, budget: JsonBudget): string[] {
  const kept: string[] = [];
  for (const text of texts) {
    const clipped = clipText(text, PATH_CHARS_MAX);
    if (kept.length >= max || !budget.take(clipped)) break;
    kept.push(clipped);
  }
  return kept;
}

function isQuestion(text: string): boolean {
  const end = text.slice(-200);
  return QUESTION.test(end) || (text.length < 300 && QUESTION_WORD.test(text) && text.includes("?"));
}

/** By words; text without spaces is taken at twelve characters a word, which also catches one very long word. */
function lengthClass(words: number, chars: number): LengthClass {
  const size = Math.max(words, Math.round(chars / 12));
  if (size <= 5) return "xs";
  if (size <= 20) return "s";
  if (size <= 80) return "m";
  return size <= 300 ? "l" : "xl";
}

function countLines(text: string): number {
  if (text === "") return 0;
  let lines = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
