import { type KeyEvidence, noSummaries } from "../../../shared/agent/prediction/key-evidence.ts";
import type { LevelKey } from "../../../shared/agent/prediction/level.ts";
import { findLevels, hashOfKey, saveLevels } from "../../../shared/postgres/prediction-levels.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";

/** The evidence of a key while it is learned. */
export interface LearningEvidence extends KeyEvidence {
  readonly key: LevelKey;
  readonly hash: Buffer;
  executions: number;
  failed: number;
}

/** The evidence of one organization's keys, as far as executions touch it: read in portions, written back likewise. */
export interface LevelCache {
  /** The keys' evidence, in their order; a key nobody knew begins with none. All of it counts as changed. */
  load: (keys: readonly LevelKey[][]) => Promise<LearningEvidence[][]>;
  /** Writes what has changed; to be called between portions, and with `isLast` at the end. */
  store: (isLast: boolean) => Promise<void>;
  written: () => number;
}

const PORTION = 2_000;
/** About a kilobyte each. */
const HELD_MAX = 100_000;

export function createLevelCache(sql: Sql, organizationId: string): LevelCache {
  const held = new Map<string, LearningEvidence>();
  let written = 0;

  async function fill(names: ReadonlyMap<string, LevelKey>): Promise<void> {
    const missing = [...names]
      .filter(([name]) => !held.has(name))
      .map(([name, key]) => ({ name, key, hash: hashOfKey(key) }));
    for (let at = 0; at < missing.length; at += PORTION) {
      const portion = missing.slice(at, at + PORTION);
      const known = await findLevels(
        sql,
        organizationId,
        portion.map(({ hash }) => hash),
      );
      for (const { name, key, hash } of portion) {
        const evidence = known.get(hash.toString("hex")) ?? {
          executions: 0,
          failed: 0,
          summaries: noSummaries(),
        };
        held.set(name, { key, hash, ...evidence });
      }
    }
  }

  return {
    async load(keysOf) {
      const names = new Map(keysOf.flat().map((key) => [nameOf(key), key]));
      await fill(names);
      return keysOf.map((keys) => keys.map((key) => getHeld(held, nameOf(key))));
    },
    async store(isLast) {
      if (!isLast && held.size <= HELD_MAX) return;
      const all = [...held.values()];
      for (let at = 0; at < all.length; at += PORTION)
        await saveLevels(sql, organizationId, all.slice(at, at + PORTION));
      written += all.length;
      held.clear();
    },
    written: () => written,
  };
}

function nameOf({ level, key }: LevelKey): string {
  return `${level} ${key}`;
}

function getHeld(held: ReadonlyMap<string, LearningEvidence>, name: string): LearningEvidence {
  const evidence = held.get(name);
  if (evidence === undefined) throw new Error("the evidence of a key was not loaded");
  return evidence;
}
