import type { NamedPattern } from "../../../shared/postgres/insight-patterns.ts";
import { taskKey } from "./names.ts";
import type { Scope } from "./rule.ts";

const SHOWN_MAX = 10;
/** A free prompt's signature is `v1 prompt <kind of task> …`, with the agent before it where a command line started one. */
const PROMPT = /^v\d+ (?:\S+> )?prompt (\S+)/;

/** Signatures of the patterns that a finding's executions belong to, the most used first; those it names itself if any. */
export function affectedPatterns(scope: Scope, patterns: readonly NamedPattern[]): string[] {
  if (scope.patterns !== undefined) return [...scope.patterns];
  const { commands, tasks } = scope;
  if (commands === undefined) return [];
  return patterns
    .filter(({ commandBase, signature }) => {
      if (!commands.includes(commandBase)) return false;
      const kind = PROMPT.exec(signature)?.[1];
      return kind === undefined || tasks === undefined || tasks.includes(taskKey(commandBase, kind));
    })
    .slice(0, SHOWN_MAX)
    .map(({ signature }) => signature);
}
