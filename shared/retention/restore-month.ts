import { AppError } from "../errors.ts";
import { describeError } from "../log.ts";
import { addArchiveRows, type Archive, attachMonth, listArchives } from "../postgres/retention-archives.ts";
import {
  finishRetentionRun,
  insertRetentionRun,
  noteRetention,
  noteRetentionStep,
} from "../postgres/retention-runs.ts";
import { isBusy } from "./archive-month.ts";
import type { ArchiveStore } from "./archive-store.ts";
import { connectForRetention, type RetentionConnection, type RetentionTools } from "./connection.ts";
import { copyMonth } from "./copy-month.ts";
import { readManifest, readPart } from "./manifest.ts";
import { endOf, startOf } from "./months.ts";

export interface RestoreOutcome {
  month: string;
  /** Executions put back into the ledger. */
  rows: number;
  /** Executions of the month in the analytics copy now. */
  analytics_rows: number;
  held_until: string;
}

const LOCK_WAIT_MS = 60_000;
const ADDED_ROWS = 1_000;
const BUSY_TRIES = 20;
const DAY_MS = 86_400_000;

/**
 * Puts an archived month back into the ledger and the analytics copy, where it stays for `days` whatever the policies say.
 * Roll-ups and hourly sums still hold it and are left alone. May be called again after it was cut off. Throws AppError when
 * there is no such archive, and ArchiveDamaged, with nothing put back, when a file is not what was archived.
 */
export async function restoreMonth(
  tools: RetentionTools,
  { month, days }: { month: string; days: number },
): Promise<RestoreOutcome> {
  await using connection = await connectForRetention(tools, LOCK_WAIT_MS);
  if (connection === null) {
    throw new AppError("unavailable", "a run of retention is at work; come again when it has ended", {
      retryAfterSeconds: 60,
    });
  }
  const archives = (await connection.run(listArchives)).filter((archive) => archive.month === month);
  const wanted = archives.filter(({ state }) => state !== "dropped");
  if (wanted.length === 0) {
    throw new AppError("not_found", `there is no archive of ${month.slice(0, 7)}`);
  }
  const heldUntil = tools.clock() + days * DAY_MS;
  const runId = await connection.run((sql) =>
    insertRetentionRun(sql, { kind: "restore", subjectId: null, countedFrom: tools.clock() }),
  );
  const step = async (name: string): Promise<void> => {
    await connection.run((sql) => noteRetentionStep(sql, runId, name));
    await tools.onStep?.(name);
  };
  try {
    for (const archive of wanted.filter(({ state }) => state === "exported"))
      await readBack(tools.store, connection, archive, step);
    await step(`attach ${month}`);
    const rows = await attach(connection, month, heldUntil);
    await step(`copy ${month} to the analytics`);
    const analyticsRows = await copyMonth(tools, connection, month);
    const outcome = {
      month,
      rows,
      analytics_rows: analyticsRows,
      held_until: new Date(heldUntil).toISOString(),
    };
    await connection.run(async (sql) => {
      await noteRetention(sql, {
        organizationId: null,
        action: "retention.month_restored",
        about: month,
        metadata: outcome,
      });
      await finishRetentionRun(sql, runId, "done", outcome);
    });
    return outcome;
  } catch (error) {
    await connection.run((sql) => finishRetentionRun(sql, runId, "failed", describeError(error)));
    throw error;
  }
}

/** From the files into the archive's table: verified part by part, and twice is the same as once. */
async function readBack(
  store: ArchiveStore | null,
  connection: RetentionConnection,
  { month, location, manifestSha256 }: Archive,
  step: (name: string) => Promise<void>,
): Promise<void> {
  if (store === null || location === null || manifestSha256 === null) {
    throw new AppError(
      "conflict",
      `${month.slice(0, 7)} was exported: say where to with NETRA_ARCHIVE, as the function has it`,
    );
  }
  await step(`verify ${location}`);
  const manifest = await readManifest(store, location, manifestSha256);
  // All of it first: nothing is put back of an archive that is damaged.
  for (const part of manifest.parts) await readPart(store, manifest, part);
  const columns = manifest.columns.map(({ name }) => name);
  for (const part of manifest.parts) {
    await step(`read ${part.path}`);
    const rows = await readPart(store, manifest, part);
    for (let at = 0; at < rows.length; at += ADDED_ROWS) {
      await connection.run((sql) => addArchiveRows(sql, month, columns, rows.slice(at, at + ADDED_ROWS)));
    }
  }
}

async function attach(connection: RetentionConnection, month: string, heldUntil: number): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await connection.run((sql) => attachMonth(sql, month, heldUntil));
    } catch (error) {
      if (!isBusy(error) || tries === BUSY_TRIES) throw error;
    }
  }
}

/** Whether the text is a month, `2026-03`, that has ended; gives its first day. */
export function readMonth(text: string, now: number): string | null {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return null;
  const month = `${text}-01`;
  return startOf(month) < now && endOf(month) <= now ? month : null;
}
