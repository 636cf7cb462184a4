import type { CommandShape } from "../agent/pattern-signature.ts";

/** The shape of a stored command, read from `e`, a row of the ledger, as one text: equal texts are equal shapes. */

const KIND = "coalesce(e.command_features ->> 'kind', '')";
const featureText = (path: string): string => `coalesce(e.command_features ->> '${path}', '')`;
const jsonText = (expression: string): string => `coalesce((${expression})::text, '')`;
/** No value holds it: the names are words, and JSON escapes it. */
const SEPARATOR = "chr(1)";
const joined = (parts: readonly string[]): string => parts.join(` || ${SEPARATOR} || `);

/** What the shape of a command is read from, as one text; of a prompt other things than of a command line. */
export const SHAPE = `case when e.command_features ->> 'kind' = 'prompt' then ${joined([
  KIND,
  featureText("agent"),
  featureText("task_kind"),
  featureText("length_class"),
  jsonText("e.command_features -> 'affects_components'"),
])} else ${joined([
  KIND,
  featureText("agent"),
  jsonText("e.command_args -> 'flags'"),
  `case when e.command_args -> 'options' <> '{}' and jsonb_typeof(e.command_args -> 'options') = 'object'
    then (select jsonb_object_agg(o.key, o.value -> 'type') from jsonb_each(e.command_args -> 'options') o)::text else '' end`,
  jsonText("jsonb_path_query_array(e.command_args, '$.positionals[*].type')"),
])} end`;

/** The shape that SHAPE told of a command with this base. */
export function readShape({ base, shape }: { base: string; shape: string }): CommandShape {
  const [kind = "", agent = "", ...rest] = shape.split("\u0001");
  const isPrompt = kind === "prompt";
  const [taskKind = "", lengthClass = "", components = ""] = isPrompt ? rest : [];
  const [flags = "", options = "", positionals = ""] = isPrompt ? [] : rest;
  const types: [string, unknown][] = Object.entries(JSON.parse(options || "{}"));
  return {
    base,
    kind,
    agent: agent || null,
    taskKind,
    lengthClass,
    components: textsIn(components),
    flags: textsIn(flags),
    options: types.map(([name, type]) => ({ name, type: String(type) })),
    positionals: textsIn(positionals),
  };
}

function textsIn(array: string): string[] {
  const value: unknown = JSON.parse(array || "[]");
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
