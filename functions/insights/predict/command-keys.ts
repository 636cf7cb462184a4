import { maskDeep } from "../../../shared/agent/mask-deep.ts";
import { maskSecrets } from "../../../shared/agent/mask-secrets.ts";
import { parseCommand } from "../../../shared/agent/parse-command.ts";
import { patternSignature, shapeOf } from "../../../shared/agent/pattern-signature.ts";
import { type LevelKey, levelKeys } from "../../../shared/agent/prediction/level.ts";
import type { AskedCommand } from "./read-request.ts";

/** What a command is known by, read as ingest reads one that has run. */
export interface CommandKeys {
  base: string;
  signature: string;
  taskKind: string;
  keys: LevelKey[];
}

export function keysOf({ command, repository }: AskedCommand): CommandKeys {
  const parsed = parseCommand(maskSecrets(storable(command)));
  const { base, features } = parsed;
  const signature = patternSignature(shapeOf(parsed));
  const masked = repository === null ? null : maskDeep({ repository: storable(repository) })["repository"];
  const keys = levelKeys({
    base,
    signature,
    features,
    repository: typeof masked === "string" ? masked : null,
  });
  return { base, signature, taskKind: features.task_kind, keys };
}

/** As ingest makes text that PostgreSQL cannot hold. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\u{fffd}");
}
