import { MigrationError } from "./migration-error.ts";
import type { Direction, MigrationFile } from "./migration-files.ts";

/** One migration as the database remembers it. */
export interface AppliedMigration {
  version: number;
  name: string;
  checksum: string;
  appliedAt: string;
  /** False when the migration started and did not finish (only where there are no transactions around it). */
  finished: boolean;
}

export interface MigrationStatus {
  version: number;
  name: string;
  /** `edited`: the file is no longer what was applied; `missing`: applied, but there is no such file. */
  state: "applied" | "pending" | "unfinished" | "edited" | "missing";
  appliedAt: string | null;
}

/**
 * Checks the files against what was applied and throws MigrationError when one was edited, removed or slipped in before
 * an applied one: the database would no longer be what the files say.
 */
export function checkHistory(files: readonly MigrationFile[], applied: readonly AppliedMigration[]): void {
  const byName = new Map(files.map((file) => [file.name, file]));
  for (const migration of applied) {
    const file = byName.get(migration.name);
    if (!file) {
      throw new MigrationError(
        `${migration.name}.up.sql was applied to this database but its file is missing here. Get the newest version of the project, or put the file back.`,
        { file: `${migration.name}.up.sql` },
      );
    }
    if (migration.finished && file.checksum !== migration.checksum) {
      throw new MigrationError(
        `${file.up.fileName} was edited after it was applied to this database (on ${migration.appliedAt}). Put the file back as it was and make a new migration for the change: npm run migrate -- create what_changes`,
        { file: file.up.fileName },
      );
    }
  }
  const newest = applied.at(-1);
  const appliedNames = new Set(applied.map((migration) => migration.name));
  const early = newest && files.find((file) => file.version < newest.version && !appliedNames.has(file.name));
  if (early) {
    throw new MigrationError(
      `${early.up.fileName} comes before ${newest.name}, which is already applied to this database. Give it a number after ${String(newest.version).padStart(6, "0")} and rename both of its files.`,
      { file: early.up.fileName },
    );
  }
}

/**
 * What a run would do, in order. `count` limits the steps; without it `up` takes all and `down` takes one.
 * An unfinished migration is first in either direction: up runs it again, down takes it back.
 */
export function planMigrations(
  files: readonly MigrationFile[],
  applied: readonly AppliedMigration[],
  direction: Direction,
  count: number | undefined,
): MigrationFile[] {
  const state = new Map(applied.map((migration) => [migration.name, migration.finished]));
  const wanted =
    direction === "up"
      ? files.filter((file) => state.get(file.name) !== true)
      : files.filter((file) => state.has(file.name)).toReversed();
  return wanted.slice(0, count ?? (direction === "up" ? wanted.length : 1));
}

/** Every migration of the files or of the database, by number. Unlike `checkHistory` it reports faults and throws nothing. */
export function describeStatus(
  files: readonly MigrationFile[],
  applied: readonly AppliedMigration[],
): MigrationStatus[] {
  const byName = new Map(applied.map((migration) => [migration.name, migration]));
  const names = new Set(files.map((file) => file.name));
  const present = files.map((file): MigrationStatus => {
    const migration = byName.get(file.name);
    return {
      version: file.version,
      name: file.name,
      state: stateOf(file, migration),
      appliedAt: migration?.appliedAt ?? null,
    };
  });
  const missing = applied
    .filter((migration) => !names.has(migration.name))
    .map(({ version, name, appliedAt }): MigrationStatus => ({ version, name, state: "missing", appliedAt }));
  return [...present, ...missing].toSorted((a, b) => a.version - b.version);
}

function stateOf(file: MigrationFile, migration: AppliedMigration | undefined): MigrationStatus["state"] {
  if (!migration) return "pending";
  if (!migration.finished) return "unfinished";
  return migration.checksum === file.checksum ? "applied" : "edited";
}
