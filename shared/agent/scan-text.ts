import { FILLERS, TASK_KINDS, UNSPACED_TASKS, WORD_MEANINGS, type TaskKind } from "./task-words.ts";
import { valueType, type ValueType } from "./value-type.ts";

interface Reference {
  readonly value: string;
  readonly type: ValueType;
}

export interface TextScan {
  words: number;
  references: Reference[];
  /** Each once, in the order they were met. */
  languages: string[];
  components: string[];
  task: TaskKind;
}

/** Words are counted everywhere, but looked at only this far: what a command is about stands at its beginning. */
const LOOKED_AT_CHARS_MAX = 8_192;
const MEANT_WORDS_MAX = 150;
const REFERENCES_MAX = 60;
const WORD_CHARS_MAX = 400;

const REFERENCE_TYPES: ReadonlySet<ValueType> = new Set([
  "path",
  "url",
  "issue",
  "uuid",
  "sha",
  "version",
  "glob",
  "secret",
]);
const EDGES = /^["'`([{<*]+|["'`)\]}>*,;:.!?…]+$/g;
const INTERESTING = /[/\\#*\d]|[A-Z]-\d|\.[A-Za-z]/;

/** Reads a text once, word by word: what it refers to, what it is about, what it asks for. */
export function scanText(text: string): TextScan {
  const scan: TextScan = {
    words: 0,
    references: [],
    languages: [],
    components: [],
    task: "other",
  };
  const scores = new Map<TaskKind, number>();
  const lower = text.slice(0, LOOKED_AT_CHARS_MAX).toLowerCase();
  const aligned = lower.length === Math.min(text.length, LOOKED_AT_CHARS_MAX);
  let position = 0;
  let from = -1;
  for (let at = 0; at <= text.length; at++) {
    const char = at < text.length ? text.charCodeAt(at) : 32;
    const isBlank = char <= 32 || char === 160 || char === 12288;
    if (!isBlank) {
      if (from === -1) from = at;
      continue;
    }
    if (from === -1) continue;
    scan.words++;
    if (from < LOOKED_AT_CHARS_MAX && at - from <= WORD_CHARS_MAX) {
      const word = text.slice(from, at);
      if (INTERESTING.test(word)) refer(scan, word);
      if (position < MEANT_WORDS_MAX && at - from < 24) {
        const key = plainWord(
          aligned && at <= LOOKED_AT_CHARS_MAX ? lower.slice(from, at) : word.toLowerCase(),
        );
        if (!FILLERS.has(key)) mean(scan, scores, key, position++);
      }
    }
    from = -1;
  }
  scan.task = best(scores) ?? unspacedTask(lower);
  return scan;
}

function refer(scan: TextScan, raw: string): void {
  if (scan.references.length >= REFERENCES_MAX) return;
  const isGlob = raw.includes("*") && !raw.startsWith("**");
  const value = raw.startsWith("[masked:") ? raw : raw.replace(isGlob ? /^["'`(]+|["'`),;:.]+$/g : EDGES, "");
  const type = valueType(value);
  if (REFERENCE_TYPES.has(type)) scan.references.push({ value, type });
}

/** Lower-case letters, digits, and anything beyond ASCII. */
function isWordChar(char: number): boolean {
  return (char >= 97 && char <= 122) || char > 127 || (char >= 48 && char <= 57);
}

/** Without the punctuation around it. Most words have none, and are returned as they are. */
function plainWord(word: string): string {
  const last = word.charCodeAt(word.length - 1);
  const first = word.charCodeAt(0);
  return isWordChar(first) && isWordChar(last) ? word : word.replace(/^[^\p{L}\d]+|[^\p{L}\d+#]+$/gu, "");
}

function mean(scan: TextScan, scores: Map<TaskKind, number>, word: string, position: number): void {
  const meaning = WORD_MEANINGS.get(word);
  if (meaning === undefined) return;
  if (meaning.language !== undefined) addOnce(scan.languages, meaning.language);
  if (meaning.component !== undefined) addOnce(scan.components, meaning.component);
  if (meaning.task === undefined) return;
  const weight = meaning.weight ?? 0;
  // A request that opens with the task's own name is that task, whatever it speaks of afterwards.
  const opening = weight === 3 ? 10 : 4;
  const nearness = position === 0 ? opening : position < 5 ? 3 : position < 20 ? 2 : 1;
  scores.set(meaning.task, (scores.get(meaning.task) ?? 0) + weight * nearness);
}

/** The texts of one command are few: a list is looked through sooner than a set is made. */
export function addOnce(texts: string[], text: string): void {
  if (!texts.includes(text)) texts.push(text);
}

/** The highest score; of equals the one that was met first. */
function best(scores: ReadonlyMap<TaskKind, number>): TaskKind | null {
  let found: TaskKind | null = null;
  let most = 1;
  for (const [task, score] of scores) {
    if (score > most) {
      found = task;
      most = score;
    }
  }
  return found;
}

function unspacedTask(text: string): TaskKind {
  return UNSPACED_TASKS.find(([pattern]) => pattern.test(text))?.[1] ?? "other";
}

/** The task that a name made of words says, such as `plan-phase` or `security:review`. */
export function taskOfName(name: string): TaskKind | null {
  for (const word of name.toLowerCase().split(/[^\p{L}\d]+/u)) {
    const task = WORD_MEANINGS.get(word)?.task;
    if (task !== undefined) return task;
  }
  return TASK_KINDS.find((task) => name.toLowerCase().endsWith(task)) ?? null;
}
