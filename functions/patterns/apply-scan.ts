import { addRollUp, emptyRollUp, figureOf, isNothing, type RollUp } from "../../shared/agent/roll-up.ts";
import {
  deletePatternDays,
  findPatternDays,
  listPatternDays,
  listRolledUpDays,
  type PatternDay,
  refreshDailyStats,
  savePatternDays,
} from "../../shared/postgres/pattern-rollups.ts";
import {
  fetchGroups,
  listScannedDays,
  openGroups,
  type ScanFilter,
  scanLedger,
} from "../../shared/postgres/pattern-scan.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import type { OrganizationDay } from "./scan-filters.ts";
import type { Signatures } from "./signatures.ts";
import { monthAfter } from "./utc-days.ts";
import { createWindowChanges } from "./windows.ts";

interface ScanOptions {
  sql: Sql;
  filter: ScanFilter;
  /** What the scan holds all of, so that its roll-ups are replaced; with null it holds what is to be added. */
  replaces: { month: string } | { days: readonly OrganizationDay[] } | null;
  /** Null while the windows are to be made anew anyway. */
  windowFirstDay: string | null;
  signatures: Signatures;
  now: number;
}

export interface ScanOutcome {
  scanned: number;
  days: number;
  rollups: number;
  written: number;
  removed: number;
}

/** Days are worked on together until they hold this many groups. */
const PORTION_GROUPS = 4_000;

/** Scans the ledger and carries what was found into roll-ups, windows and the daily summary. */
export async function applyScan(options: ScanOptions): Promise<ScanOutcome> {
  const { sql, windowFirstDay } = options;
  const scanned = await scanLedger(sql, options.filter);
  const outcome: ScanOutcome = { scanned, days: 0, rollups: 0, written: 0, removed: 0 };
  if (scanned === 0 && options.replaces === null) return outcome;
  const windows = createWindowChanges(sql, options.now);
  const portions = portionsOf(await daysToApply(options));
  await openGroups(sql);
  for (const portion of portions) {
    const changes = await changesOf(options, portion);
    const changed = changes.filter(({ change }) => !isNothing(change));
    await store(sql, changed);
    const touched = distinctDays(changed);
    if (touched.length > 0) await refreshDailyStats(sql, touched);
    outcome.days += touched.length;
    outcome.rollups += changed.length;
    if (windowFirstDay === null) continue;
    for (const { organizationId, day, signature, base, change } of changed) {
      if (day >= windowFirstDay) await windows.add(organizationId, { signature, base, change }, 1);
    }
  }
  await sql.query("close pattern_groups");
  const { written, removed } = await windows.finish();
  return { ...outcome, written, removed };
}

interface DayToApply extends OrganizationDay {
  groups: number;
}

async function daysToApply({ sql, replaces }: ScanOptions): Promise<DayToApply[]> {
  const days = new Map<string, DayToApply>();
  const add = (organizationId: string, day: string, groups: number): void => {
    const key = `${organizationId} ${day}`;
    if (!days.has(key)) days.set(key, { organizationId, day, groups });
  };
  for (const { organization_id, day, groups } of await listScannedDays(sql))
    add(organization_id, day, groups);
  if (replaces !== null) {
    // What has no executions any more has roll-ups to lose.
    const rolledUp =
      "days" in replaces
        ? replaces.days
        : await listRolledUpDays(sql, replaces.month, monthAfter(replaces.month));
    for (const { organizationId, day } of rolledUp) add(organizationId, day, 0);
  }
  return [...days.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, day]) => day);
}

function portionsOf(days: readonly DayToApply[]): DayToApply[][] {
  const portions: DayToApply[][] = [];
  let groups = Infinity;
  for (const day of days) {
    if (groups + day.groups > PORTION_GROUPS) {
      portions.push([]);
      groups = 0;
    }
    portions.at(-1)?.push(day);
    // A day without groups has roll-ups to be read all the same.
    groups += Math.max(day.groups, 50);
  }
  return portions;
}

interface Change extends PatternDay {
  /** What the day's roll-up becomes less what it was. */
  change: RollUp;
}

async function changesOf(options: ScanOptions, portion: readonly DayToApply[]): Promise<Change[]> {
  const { sql, signatures } = options;
  const found = new Map<string, PatternDay>();
  const groups = await fetchGroups(
    sql,
    portion.reduce((sum, day) => sum + day.groups, 0),
  );
  for (const group of groups) {
    const { organizationId, day, base, rollUp } = group;
    const signature = signatures(group);
    const key = `${organizationId} ${day} ${signature}`;
    const same = found.get(key);
    if (same === undefined) found.set(key, { organizationId, day, signature, base, rollUp });
    else addRollUp(same.rollUp, rollUp);
  }
  const before =
    options.replaces === null
      ? await findPatternDays(sql, [...found.values()])
      : await listPatternDays(sql, portion);
  const sign = options.replaces === null ? 1 : -1;
  const changes = new Map<string, Change>();
  for (const [key, day] of found) changes.set(key, { ...day, change: day.rollUp });
  for (const old of before) {
    const key = `${old.organizationId} ${old.day} ${old.signature}`;
    const now = found.get(key);
    const other = emptyRollUp();
    if (now !== undefined) addRollUp(other, now.rollUp);
    addRollUp(other, old.rollUp, sign);
    // Added: the sum is what is stored and the find is the change; replaced: the other way round.
    changes.set(
      key,
      sign === 1 && now !== undefined
        ? { ...old, rollUp: other, change: now.rollUp }
        : { ...old, rollUp: now?.rollUp ?? emptyRollUp(), change: other },
    );
  }
  return [...changes.values()].toSorted((a, b) =>
    a.organizationId < b.organizationId ? -1 : a.organizationId > b.organizationId ? 1 : 0,
  );
}

async function store(sql: Sql, changes: readonly Change[]): Promise<void> {
  const isGone = ({ rollUp }: Change): boolean => figureOf(rollUp, "execution_count") === 0n;
  const gone = changes.filter(isGone);
  const kept = changes.filter((change) => !isGone(change));
  if (gone.length > 0) await deletePatternDays(sql, gone);
  if (kept.length > 0) await savePatternDays(sql, kept);
}

function distinctDays(changes: readonly Change[]): OrganizationDay[] {
  const days = new Map<string, OrganizationDay>();
  for (const { organizationId, day } of changes)
    days.set(`${organizationId} ${day}`, { organizationId, day });
  return [...days.values()];
}
