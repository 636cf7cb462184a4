import type { LevelKey } from "./level.ts";
import type { LogSummary } from "./log-summary.ts";

/** Where a forecaster keeps what it knows of one quantity at each level: a summary for each of its settings. */
export interface LevelStore {
  /** In the order of the settings; undefined before the key's first value. */
  readonly find: (key: LevelKey) => readonly LogSummary[] | undefined;
  readonly save: (key: LevelKey, summaries: readonly LogSummary[]) => void;
}

/** Grows with the number of different keys: for one organization. */
export function levelsInMemory(): LevelStore {
  const levels = new Map<string, readonly LogSummary[]>();
  return {
    find: (key) => levels.get(nameOf(key)),
    save: (key, summaries) => void levels.set(nameOf(key), summaries),
  };
}

function nameOf({ level, key }: LevelKey): string {
  return `${level} ${key}`;
}
