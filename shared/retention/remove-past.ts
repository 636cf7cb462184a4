import { dropEventMonth, listMonths } from "../postgres/retention-months.ts";
import {
  cleanUpExpiredContextData,
  cleanUpOldEvents,
  deletePastRows,
  ROW_TABLES,
} from "../postgres/retention-rows.ts";
import { BATCH_ROWS, isBusy } from "./archive-month.ts";
import { endOf } from "./months.ts";
import { cutoffOf, cutoffsOf, wholeBefore } from "./plan.ts";
import { alignAnalytics, removeAnalytics, tryAnalytics } from "./remove-analytics.ts";
import { removeExecutions } from "./remove-executions.ts";
import { inBatches, isOver, type Removed, type RemoveOptions } from "./remove-options.ts";

/** Everything the plan says, in bounded steps. What others hold or what is away is left to the next run, and said. */
export async function removePast(options: RemoveOptions): Promise<Removed> {
  const removed: Removed = {
    archives: [],
    deferred: [],
    settings: { ttl_changed: [], logs_bounded: [], logs_refused: [] },
  };
  await removeExecutions(options, removed);
  await removeRows(options);
  await removeEvents(options);
  await tryAnalytics(options, removed, "*", () => removeAnalytics(options));
  await tryAnalytics(options, removed, "settings", () => alignAnalytics(options, removed));
  return removed;
}

async function removeRows(options: RemoveOptions): Promise<void> {
  const { connection, cutoffs, plan, step } = options;
  const tries = wholeBefore(cutoffsOf(cutoffs, "event_processing_logs"));
  await step("drop months of tries");
  await dropMonths(options, (parent) => parent === "event_processing_logs", tries);
  for (const { table, target } of ROW_TABLES) {
    const past = plan.items.filter((item) => item.store === "postgres" && item.table === table);
    for (const { organization_id: organizationId } of past) {
      if (isOver(options)) return;
      await step(`delete ${organizationId} from ${table}`);
      const { before } = cutoffOf(cutoffsOf(cutoffs, target), organizationId);
      await inBatches(options, () =>
        connection.run((sql) => deletePastRows(sql, { table, organizationId, before, rowsMax: BATCH_ROWS })),
      );
    }
  }
}

async function dropMonths(
  { connection }: RemoveOptions,
  isMeant: (parent: string) => boolean,
  before: number,
): Promise<void> {
  for (const month of await connection.run(listMonths)) {
    if (!isMeant(month.parent) || endOf(month.month) > before) continue;
    try {
      await connection.run((sql) => dropEventMonth(sql, month, before));
    } catch (error) {
      // The next night comes again.
      if (!isBusy(error)) throw error;
    }
  }
}

const DAY_MS = 86_400_000;

const isOfEvents = (parent: string): boolean =>
  parent !== "command_executions" && parent !== "event_processing_logs";

async function removeEvents(options: RemoveOptions): Promise<void> {
  const { connection, now, step } = options;
  await step("clean up old events");
  await inBatches(options, () => connection.run((sql) => cleanUpOldEvents(sql, BATCH_ROWS)));
  await step("clean up expired context data");
  await inBatches(options, () => connection.run((sql) => cleanUpExpiredContextData(sql, BATCH_ROWS)));
  await step("drop empty months of events");
  await dropMonths(options, isOfEvents, now - 32 * DAY_MS);
}
