import { clipText } from "./clip-text.ts";
import { JsonBudget } from "./json-budget.ts";
import type { ShellWord } from "./shell-words.ts";
import { valueType, type ValueType } from "./value-type.ts";

interface TypedValue {
  value: string;
  type: ValueType;
}

export interface CommandArgs {
  /** Flags without a value, as written, each once. */
  flags: string[];
  /** Flags with a value, by name without its dashes; a repeated one keeps its last value. */
  options: Record<string, TypedValue>;
  positionals: TypedValue[];
  /** Present when something did not fit. */
  truncated?: true;
}

const NO_FLAGS: ReadonlySet<string> = new Set();
const BYTES_MAX = 3_584;
const VALUE_CHARS_MAX = 200;
const ITEMS_MAX = 32;
const NAME_CHARS_MAX = 60;
/** `{"value":…,"type":"version"}` around a text. */
const TYPED_BYTES = 36;

const FLAG = /^--?[A-Za-z][\w.:-]*$/;
const OPTION = /^(--?[A-Za-z][\w.:-]*)=([\s\S]*)$/;
const SHORT_WITH_VALUE = /^-[moCbkKFn]$/;
const WITHOUT_VALUE =
  /^--(?:no-.+|verbose|force|watch|coverage|dry-run|yes|all|help|version|json|quiet|debug|silent|global|save-dev|hard|soft|amend|print|continue|deep|full|recursive|fix|write|check|ci|headed|headless|draft|squash|rebase|detach|rm|build|wait|fast|slow|strict|staged|cached|stat|oneline|interactive|dangerously-skip-permissions|auto|bare|include-partial-messages)$/;

/** Sorts words into flags, options and positionals, with what each is. Bounded in number and size. */
export class ArgsBuilder {
  readonly #args: CommandArgs = { flags: [], options: {}, positionals: [] };
  readonly #budget = new JsonBudget(BYTES_MAX);
  #words: string[] = []; /**
   * Takes flags and options out of the words and returns the positionals among them, not added yet. `known` are flags
   * that are followed by a value; whether others are is told by their names, unless `onlyKnown`.
   */
  addWords(words: readonly ShellWord[], known = NO_FLAGS, onlyKnown = false): readonly ShellWord[] {
    const positionals: ShellWord[] = [];
    let flagsEnded = false;
    for (let at = 0; at < words.length; at++) {
      const word = words[at];
      if (word === undefined) break;
      if (word.value === "--" && !word.quoted) {
        flagsEnded = true;
        continue;
      }
      if (flagsEnded || word.value.charCodeAt(0) !== 45) {
        positionals.push(word);
        continue;
      }
      const option = OPTION.exec(word.value);
      const next = words[at + 1];
      if (option !== null) this.#addOption(option[1] ?? "", { value: option[2] ?? "", quoted: word.quoted });
      else if (word.quoted || !FLAG.test(word.value)) positionals.push(word);
      else if (next !== undefined && hasValue(word.value, next, known, onlyKnown)) {
        this.#addOption(word.value, next);
        at++;
      } else this.#addFlag(word.value);
    }
    return positionals;
  }

  addPositionals(words: readonly ShellWord[]): void {
    for (const word of words) {
      const type = word.quoted && /\s/.test(word.value) ? "text" : valueType(word.value);
      if (type === "word" && !word.quoted) this.#words.push(word.value);
      else this.addPositional(word.value, type);
      if (this.#args.truncated) return;
    }
  }

  addPositional(value: string, type: ValueType): void {
    this.#flushWords();
    this.#push(value, type);
  }

  finish(): CommandArgs {
    this.#flushWords();
    return this.#args;
  }

  /** Words in a row are one piece of text; a single one is a word. */
  #flushWords(): void {
    const words = this.#words;
    if (words.length === 0) return;
    this.#words = [];
    this.#push(words.length === 1 ? (words[0] ?? "") : words.join(" "), words.length === 1 ? "word" : "text");
  }

  #push(value: string, type: ValueType): void {
    const clipped = clipText(value, VALUE_CHARS_MAX);
    if (this.#args.positionals.length < ITEMS_MAX && this.#budget.take(clipped, TYPED_BYTES)) {
      this.#args.positionals.push({ value: clipped, type });
    } else this.#args.truncated = true;
  }

  #addFlag(flag: string): void {
    const clipped = clipText(flag, NAME_CHARS_MAX);
    if (this.#args.flags.includes(clipped)) return;
    if (this.#args.flags.length < ITEMS_MAX && this.#budget.take(clipped)) this.#args.flags.push(clipped);
    else this.#args.truncated = true;
  }

  #addOption(flag: string, word: ShellWord): void {
    const name = clipText(flag.replace(/^--?/, ""), NAME_CHARS_MAX);
    const value = clipText(word.value, VALUE_CHARS_MAX);
    const type = /\s/.test(word.value) ? "text" : valueType(word.value);
    const { options } = this.#args;
    const fits = Object.hasOwn(options, name) || Object.keys(options).length < ITEMS_MAX;
    if (fits && name !== "__proto__" && this.#budget.take(name + value, TYPED_BYTES + SURROUNDING_NAME)) {
      options[name] = { value, type };
    } else this.#args.truncated = true;
  }
}

const SURROUNDING_NAME = 4;

function hasValue(flag: string, next: ShellWord, known: ReadonlySet<string>, onlyKnown: boolean): boolean {
  if (next.value.startsWith("-") && !next.quoted) return false;
  if (onlyKnown || known.has(flag)) return known.has(flag);
  if (flag.startsWith("--")) return !WITHOUT_VALUE.test(flag);
  if (flag.length > 2) return false;
  return SHORT_WITH_VALUE.test(flag) && (flag !== "-n" || /^\d+$/.test(next.value));
}
