import { setTimeout as delay } from "node:timers/promises";
import { DatabaseError } from "pg";
import { dropAnalyticsMonth } from "../clickhouse/retention.ts";
import {
  type Archive,
  countArchiveRows,
  deleteArchiveRows,
  dropArchiveTables,
  listArchiveTables,
  setArchiveState,
} from "../postgres/retention-archives.ts";
import { detachMonth, listMonths } from "../postgres/retention-months.ts";
import type { Cutoff } from "../postgres/retention-policies.ts";
import { noteRetention } from "../postgres/retention-runs.ts";
import { onAnalytics } from "./analytics.ts";
import type { RetentionConnection, RetentionTools } from "./connection.ts";
import { copyMonth } from "./copy-month.ts";
import { cutoffOf } from "./plan.ts";

const LOCK_NOT_AVAILABLE = "55P03";
const DEADLOCK = "40P01";
const TRIES = 20;
const WAIT_MS = 250;
export const BATCH_ROWS = 5_000;

/** Whether others held what was wanted, so that coming again helps. */
export function isBusy(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === LOCK_NOT_AVAILABLE || error.code === DEADLOCK);
}

/**
 * Takes a month out of the ledger, which waits for others at most a moment at a time: whoever writes meanwhile waits no
 * longer than that. Returns `detached`, `absent`, or why it stays.
 */
export async function takeMonthOut(
  connection: Pick<RetentionConnection, "run">,
  month: string,
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      const outcome = await connection.run((sql) => detachMonth(sql, month));
      if (outcome !== "patterns_busy" || tries >= TRIES) return outcome;
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (tries >= TRIES) return "ledger_busy";
    }
    await delay(WAIT_MS * (0.5 + Math.random()));
  }
}

/**
 * Brings a month that is out of the ledger to where it is to stand: rows of those who keep no archive go, the analytics
 * copy goes, and what is left is the archive. Each part may be done again.
 */
export async function settleMonth(
  tools: Pick<RetentionTools, "clickhouse">,
  connection: RetentionConnection,
  options: { archive: Archive; cutoffs: readonly Cutoff[]; step: (name: string) => Promise<void> },
): Promise<{ state: "archived" | "dropped"; rows: number }> {
  const { archive, cutoffs, step } = options;
  const held: { table: string; organizationId: string; rows: number }[] = [];
  for (const table of await connection.run((sql) => listArchiveTables(sql, archive.month))) {
    for (const { organizationId, rows } of await connection.run((sql) => countArchiveRows(sql, table)))
      held.push({ table, organizationId, rows });
  }
  const isKept = ({ organizationId }: { organizationId: string }): boolean =>
    cutoffOf(cutoffs, organizationId).action === "archive";
  const kept = held.filter(isKept).reduce((sum, { rows }) => sum + rows, 0);
  // Where nobody keeps anything, the tables are dropped as they are.
  for (const { table, organizationId } of kept === 0 ? [] : held.filter((one) => !isKept(one))) {
    await step(`delete ${organizationId} from the archive of ${archive.month}`);
    while ((await connection.run((sql) => deleteArchiveRows(sql, table, organizationId, BATCH_ROWS))) > 0);
  }
  await step(`drop ${archive.month} from the analytics copy`);
  await onAnalytics(() => dropAnalyticsMonth(tools.clickhouse, "execution_totals", archive.month));
  // A policy that became longer may have let the month begin again: what came since stays.
  const isBack = (await connection.run(listMonths)).some(
    ({ parent, month }) => parent === "command_executions" && month === archive.month,
  );
  if (isBack) await copyMonth(tools, connection, archive.month);
  else await onAnalytics(() => dropAnalyticsMonth(tools.clickhouse, "executions", archive.month));
  const state = kept === 0 ? "dropped" : "archived";
  await step(`settle ${archive.month}`);
  await connection.run(async (sql) => {
    if (kept === 0) await dropArchiveTables(sql, archive.id, "dropped");
    else await setArchiveState(sql, archive.id, "archived", kept);
    await noteRetention(sql, {
      organizationId: null,
      action: `retention.month_${state}`,
      about: archive.month,
      metadata: { rows: kept },
    });
  });
  return { state, rows: kept };
}
