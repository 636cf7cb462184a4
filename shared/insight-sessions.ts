/** What findings are worked out from, by both stores alike: sessions of executions that have ended. */

/** A session's executions taken together; its repository is null where they do not all name the same. */
export interface InsightSession {
  sessionId: string;
  repository: string | null;
  model: string | null;
  executions: number;
  costPico: bigint;
  firstAt: string;
  lastAt: string;
}

/** Sessions of one command, repository and model (null where a session has several), by what became of their cache. */
export interface CacheReuse {
  commandBase: string | null;
  repository: string | null;
  model: string | null;
  sessions: number;
  /** Wrote to the cache and never read from it, with known savings. */
  unread: number;
  unreadExecutions: number;
  unreadWriteTokens: number;
  /** What these cost above the same requests without caching. */
  wastedPico: bigint;
}

export interface InsightSessions {
  /** Sessions all of whose executions have a cost above zero. */
  priced: number;
  /** Of the natural logarithm of their cost in dollars; null without any. */
  medianLog: number | null;
  /** Median of the distances to that median. */
  madLog: number | null;
  /** The dearest first. */
  dearest: InsightSession[];
  /** How many priced sessions each repository has. */
  byRepository: { repository: string | null; sessions: number }[];
  cacheReuse: CacheReuse[];
  /** Sessions with the most cache writes, or with the longest prompts to a model with a price by size. */
  heavy: string[];
}

/** At most so many of each are read. */
export const DEAREST_MAX = 200;
export const GROUPS_MAX = 2_000;
export const HEAVY_MAX = 400;
export const LONG_MAX = 100;
/** Of the heavy sessions together, those of the first session first. */
export const HEAVY_EXECUTIONS_MAX = 50_000;
/** Who was at work so shortly before the end may still read what was written to the cache. */
export const AT_WORK_MS = 3_600_000;
