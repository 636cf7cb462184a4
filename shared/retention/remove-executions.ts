import { describeError } from "../log.ts";
import { listArchives } from "../postgres/retention-archives.ts";
import { removeEarly } from "../postgres/retention-months.ts";
import { BATCH_ROWS, settleMonth, takeMonthOut } from "./archive-month.ts";
import { ArchiveAway, guardStore } from "./archive-store.ts";
import { exportMonth } from "./export-month.ts";
import { ArchiveDamaged } from "./manifest.ts";
import { cutoffsOf } from "./plan.ts";
import { tryAnalytics } from "./remove-analytics.ts";
import { inBatches, isOver, type Removed, type RemoveOptions } from "./remove-options.ts";

/** Rows of organizations with shorter days, then whole months, then what is to become of them. */
export async function removeExecutions(options: RemoveOptions, removed: Removed): Promise<void> {
  await removeEarlyExecutions(options);
  await takeMonthsOut(options, removed);
  await settleMonths(options, removed);
}

async function removeEarlyExecutions(options: RemoveOptions): Promise<void> {
  const { connection, plan, step } = options;
  for (const { month, organizationId, before, keep } of plan.early) {
    if (isOver(options)) return;
    await step(`remove ${organizationId} from ${month}`);
    await inBatches(options, () =>
      connection.run((sql) => removeEarly(sql, { month, organizationId, before, keep, rowsMax: BATCH_ROWS })),
    );
  }
}

async function takeMonthsOut(options: RemoveOptions, removed: Removed): Promise<void> {
  const { connection, plan, step } = options;
  for (const month of plan.wholeMonths) {
    if (isOver(options)) return;
    await step(`detach ${month}`);
    const outcome = await takeMonthOut(connection, month);
    if (outcome === "detached" || outcome === "absent") continue;
    removed.deferred.push({
      store: "postgres",
      table: "command_executions",
      month,
      organization_id: null,
      reason: outcome,
    });
  }
}

/** Also of months that an earlier run took out and did not finish. */
async function settleMonths(options: RemoveOptions, removed: Removed): Promise<void> {
  const { tools, connection, cutoffs, now, step } = options;
  const archives = await connection.run(listArchives);
  for (const archive of archives) {
    if (isOver(options)) return;
    if (archive.state === "detached") {
      const own = cutoffsOf(cutoffs, "executions");
      const isSettled = await tryAnalytics(options, removed, archive.month, async () => {
        const settled = await settleMonth(tools, connection, { archive, cutoffs: own, step });
        archive.state = settled.state;
        removed.archives.push({ id: archive.id, rows: settled.rows });
      });
      if (!isSettled) continue;
    }
    if (archive.state !== "archived" || tools.store === null) continue;
    try {
      const { rows } = await exportMonth({ connection, store: guardStore(tools.store), archive, now, step });
      if (!removed.archives.some(({ id }) => id === archive.id))
        removed.archives.push({ id: archive.id, rows });
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null) throw error;
      tools.log("ERROR", "a month was not exported; its tables stay", {
        month: archive.month,
        reason,
        ...describeError(error),
      });
      removed.deferred.push({
        store: "postgres",
        table: "archive",
        month: archive.month,
        organization_id: null,
        reason,
      });
    }
  }
}

function reasonOf(error: unknown): string | null {
  if (error instanceof ArchiveDamaged) return "archive_damaged";
  return error instanceof ArchiveAway ? "archive_away" : null;
}
