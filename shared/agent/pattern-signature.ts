import { createHash } from "node:crypto";
import { clipText } from "./clip-text.ts";
import type { ParsedCommand } from "./parse-command.ts";

/** Rises when the same command would get another signature; signatures of other versions are other patterns. */
const VERSION = "v1";
const CHARS_MAX = 500;
const NAMES_MAX = 8;
/** A prompt that touches more parts of a system than this is about several of them. */
const COMPONENTS_MAX = 1;

/** What of a command its pattern looks at. Lists may hold repeats and be in any order. */
export interface CommandShape {
  base: string;
  kind: string;
  /** The agent that a command line starts; null for what is given to an agent directly. */
  agent: string | null;
  taskKind: string;
  lengthClass: string;
  components: readonly string[];
  flags: readonly string[];
  options: readonly { name: string; type: string }[];
  /** The types of the positional arguments. */
  positionals: readonly string[];
}

export function shapeOf({ base, args, features }: ParsedCommand): CommandShape {
  return {
    base,
    kind: features.kind,
    agent: features.agent ?? null,
    taskKind: features.task_kind,
    lengthClass: features.length_class,
    components: features.affects_components ?? [],
    flags: args.flags,
    options: Object.entries(args.options).map(([name, { type }]) => ({ name, type })),
    positionals: args.positionals.map(({ type }) => type),
  };
}

/**
 * The pattern a command belongs to: a stable text of at most 500 characters. Slash commands and shell lines are known by
 * their base, the names of their flags and options and the types of their arguments, whose values, number and order do not
 * matter; free prompts by task kind, length class and the parts of the system they name. Depends on nothing but the shape,
 * which the ledger stores, so that the past can be counted again.
 */
export function patternSignature(shape: CommandShape): string {
  const via = shape.agent === null ? [] : [`${shape.agent}>`];
  const parts =
    shape.kind === "prompt"
      ? ["prompt", shape.taskKind, shape.lengthClass, ...componentsPart(shape.components)]
      : [shape.base, ...argumentParts(shape)];
  return bounded([VERSION, ...via, ...parts].join(" "));
}

function componentsPart(components: readonly string[]): string[] {
  const distinct = sortedSet(components);
  if (distinct.length === 0) return [];
  return [`in:${distinct.length > COMPONENTS_MAX ? "several" : distinct.join(",")}`];
}

function argumentParts(shape: CommandShape): string[] {
  // What follows a notification is the machine's text; how it is put says nothing.
  if (shape.kind === "notification") return [];
  return [
    ...few(sortedSet(shape.positionals.map(argumentType)).map((type) => `<${type}>`)),
    ...few(sortedSet(shape.flags.map(flagName))),
    ...few(sortedSet(shape.options.map(({ name, type }) => `${optionName(name)}=<${argumentType(type)}>`))),
  ];
}

/** A word, a sentence and a masked secret are one and the same here: somebody's wording. */
function argumentType(type: string): string {
  switch (type) {
    case "path":
    case "glob":
      return "path";
    case "uuid":
    case "id":
    case "sha":
      return "id";
    case "number":
    case "version":
      return "number";
    case "issue":
    case "url":
      return type;
    default:
      return "text";
  }
}

/** The case of a single letter tells flags apart (`-c`, `-C`); that of a name does not. */
function flagName(flag: string): string {
  const clean = flag.replaceAll(/[\s=<>]/g, "_");
  return clean.replace(/^-{0,2}/, "").length === 1 ? clean : clean.toLowerCase();
}

/** Names of options are stored without their dashes. */
function optionName(name: string): string {
  const clean = flagName(name);
  return clean.length === 1 ? `-${clean}` : `--${clean}`;
}

function few(names: readonly string[]): string[] {
  return names.length <= NAMES_MAX ? [...names] : [...names.slice(0, NAMES_MAX), "…"];
}

function sortedSet(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

/** What does not fit keeps its beginning and a digest of the whole. */
function bounded(text: string): string {
  if (text.length <= CHARS_MAX) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${clipText(text, CHARS_MAX - digest.length - 1)}~${digest}`;
}
