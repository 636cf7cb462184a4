import { alignTtl, boundSystemLogs } from "../clickhouse/retention-ttl.ts";
import {
  ANALYTICS_TABLES,
  type AnalyticsTable,
  deletePastAnalytics,
  dropAnalyticsMonth,
} from "../clickhouse/retention.ts";
import { describeError } from "../log.ts";
import { countPastExecutions, listMonths } from "../postgres/retention-months.ts";
import { AnalyticsAway, onAnalytics } from "./analytics.ts";
import { endOf, startOf } from "./months.ts";
import { cutoffOf, cutoffsOf, wholeBefore } from "./plan.ts";
import { isOver, type Removed, type RemoveOptions } from "./remove-options.ts";

/** The copy may be away: what is not removed from it now is removed by the next run. Returns whether it was there. */
export async function tryAnalytics(
  { tools }: RemoveOptions,
  removed: Removed,
  what: string,
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof AnalyticsAway)) throw error;
    tools.log("WARNING", "the analytics copy could not be brought up to the policies", describeError(error));
    removed.deferred.push({
      store: "clickhouse",
      table: what,
      month: null,
      organization_id: null,
      reason: "analytics_away",
    });
    return false;
  }
}

/** What is past leaves the copy, of executions only what has left the ledger. */
export async function removeAnalytics(options: RemoveOptions): Promise<void> {
  const { tools, connection, cutoffs, plan, step } = options;
  const own = cutoffsOf(cutoffs, "executions");
  const ledger = new Set(
    (await connection.run(listMonths)).flatMap(({ parent, month }) =>
      parent === "command_executions" ? [month] : [],
    ),
  );
  const stays = new Set(
    (await connection.run((sql) => countPastExecutions(sql, own))).map(
      ({ month, organizationId }) => `${month} ${organizationId}`,
    ),
  );
  const dropped = new Set<string>();
  for (const item of plan.items) {
    const { month, organization_id: organizationId } = item;
    const found = ANALYTICS_TABLES.find((one) => one.table === item.table);
    if (item.store !== "clickhouse" || month === null || found === undefined) continue;
    if (isOver(options)) return;
    const { table } = found;
    const target = cutoffsOf(cutoffs, found.target);
    const isWhole = endOf(month) <= wholeBefore(target);
    // The copy follows the ledger.
    if (
      found.target === "executions" &&
      (isWhole ? ledger.has(month) : stays.has(`${month} ${organizationId}`))
    )
      continue;
    if (isWhole) {
      const key = `${table} ${month}`;
      if (dropped.has(key)) continue;
      dropped.add(key);
      await step(`drop ${month} of ${table} from the analytics copy`);
      await onAnalytics(() => dropAnalyticsMonth(tools.clickhouse, table, month));
    } else {
      await step(`delete ${organizationId} from ${table} of the analytics copy`);
      const { before } = cutoffOf(target, organizationId);
      await onAnalytics(() =>
        deletePastAnalytics(tools.clickhouse, table, {
          organizationId,
          from: startOf(month),
          until: Math.min(before, endOf(month)),
        }),
      );
    }
  }
}

/** TTL as the floor, and the server's own logs bounded. */
export async function alignAnalytics(options: RemoveOptions, removed: Removed): Promise<void> {
  const { tools, cutoffs, step } = options;
  await step("analytics settings");
  const days = (target: AnalyticsTable["target"]): number =>
    Math.max(...cutoffsOf(cutoffs, target).map(({ keepDays }) => keepDays));
  removed.settings.ttl_changed = await onAnalytics(() =>
    alignTtl(tools.clickhouse, (target) =>
      target === "aggregated_metrics" ? Math.max(days(target), days("executions")) : days(target),
    ),
  );
  const { bounded, refused } = await onAnalytics(() => boundSystemLogs(tools.clickhouse));
  Object.assign(removed.settings, { logs_bounded: bounded, logs_refused: refused });
}
