import { addRollUp, emptyRollUp, figureOf, type RollUp } from "../../shared/agent/roll-up.ts";
import { fetchPatternDays, openPatternDays, type PatternDay } from "../../shared/postgres/pattern-rollups.ts";
import {
  deletePatterns,
  deletePatternsBefore,
  findWindows,
  type PatternWindow,
  savePatterns,
} from "../../shared/postgres/pattern-windows.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { describePattern } from "./describe-pattern.ts";
import { daysBetween } from "./utc-days.ts";

interface WindowsOutcome {
  written: number;
  removed: number;
}

interface PatternChange {
  signature: string;
  base: string;
  change: RollUp;
}

interface WindowChanges {
  /** Adds to a pattern's window, or takes out. Organizations come one after the other. */
  add: (organizationId: string, pattern: PatternChange, sign: 1 | -1) => Promise<void>;
  finish: () => Promise<WindowsOutcome>;
}

const PORTION = 2_000;
const FOREVER = "9999-12-31";
/** Past this many days it is less work to add up what stays than to take out what goes. */
const MOVED_DAYS_MAX = 7;

/** Collects the changes of one organization's windows and stores them when the next comes. */
export function createWindowChanges(
  sql: Sql,
  now: number,
  storeChanges: typeof changeWindows = changeWindows,
): WindowChanges {
  const total: WindowsOutcome = { written: 0, removed: 0 };
  let current: string | null = null;
  let patterns = new Map<string, PatternWindow>();

  async function flush(): Promise<void> {
    if (current === null) return;
    const all = [...patterns.values()];
    for (let at = 0; at < all.length; at += PORTION) {
      const { written, removed } = await storeChanges(sql, current, all.slice(at, at + PORTION), now);
      total.written += written;
      total.removed += removed;
    }
    patterns = new Map();
  }

  return {
    async add(organizationId, { signature, base, change }, sign) {
      if (organizationId !== current) {
        await flush();
        current = organizationId;
      }
      const pattern = patterns.get(signature) ?? { signature, base, window: emptyRollUp() };
      patterns.set(signature, pattern);
      addRollUp(pattern.window, change, sign);
    },
    async finish() {
      await flush();
      return total;
    },
  };
}

async function changeWindows(
  sql: Sql,
  organizationId: string,
  changes: readonly PatternWindow[],
  now: number,
): Promise<WindowsOutcome> {
  const before = await findWindows(
    sql,
    organizationId,
    changes.map(({ signature }) => signature),
  );
  const windows = changes.map((pattern) => {
    const window = before.get(pattern.signature) ?? emptyRollUp();
    addRollUp(window, pattern.window);
    return { ...pattern, window };
  });
  return storeWindows(sql, organizationId, windows, now);
}

function isEmpty({ window }: PatternWindow): boolean {
  return figureOf(window, "execution_count") <= 0n;
}

async function storeWindows(
  sql: Sql,
  organizationId: string,
  windows: readonly PatternWindow[],
  now: number,
): Promise<WindowsOutcome> {
  const gone = windows.filter(isEmpty).map(({ signature }) => signature);
  const kept = windows
    .filter((pattern) => !isEmpty(pattern))
    .map(({ signature, base, window }) => ({
      signature,
      base,
      window,
      sampleSize: Number(figureOf(window, "execution_count")),
      description: describePattern(window),
    }));
  return {
    written: kept.length === 0 ? 0 : await savePatterns(sql, organizationId, kept, now),
    removed: gone.length === 0 ? 0 : await deletePatterns(sql, organizationId, gone),
  };
}

/** Takes the days that left out of the windows. Null when the windows are better made anew. */
export async function moveWindow(
  sql: Sql,
  from: string,
  to: string,
  now: number,
): Promise<WindowsOutcome | null> {
  const moved = daysBetween(from, to);
  if (moved < 0 || moved > MOVED_DAYS_MAX) return null;
  const changes = createWindowChanges(sql, now);
  for await (const { organizationId, signature, base, rollUp } of patternDays(sql, from, to)) {
    await changes.add(organizationId, { signature, base, change: rollUp }, -1);
  }
  return changes.finish();
}

/** Makes every window anew from the roll-ups; patterns that come out as they were stay untouched. */
export async function rebuildWindows(sql: Sql, firstDay: string, now: number): Promise<WindowsOutcome> {
  const changes = createWindowChanges(sql, now, storeWindows);
  for await (const { organizationId, signature, base, rollUp } of patternDays(sql, firstDay, FOREVER)) {
    await changes.add(organizationId, { signature, base, change: rollUp }, 1);
  }
  const { written, removed } = await changes.finish();
  return { written, removed: removed + (await deletePatternsBefore(sql, firstDay)) };
}

async function* patternDays(sql: Sql, from: string, until: string): AsyncGenerator<PatternDay> {
  await openPatternDays(sql, from, until);
  for (;;) {
    const days = await fetchPatternDays(sql, PORTION);
    if (days.length === 0) return;
    yield* days;
  }
}
