import { describeError } from "../../../shared/log.ts";
import { type ListedAlert, listOpenAlerts } from "../../../shared/postgres/alerts.ts";
import type { HealthContext } from "../context.ts";

/** The alerts that are open; null where the ledger does not tell in time. Never throws. */
export async function findOpenAlerts(
  { sources, log }: HealthContext,
  deadlineMs: number,
): Promise<ListedAlert[] | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), deadlineMs);
  try {
    return await Promise.race([listOpenAlerts(sources.pool), late.promise]);
  } catch (error) {
    log("WARNING", "the open alerts could not be listed", describeError(error));
    return null;
  } finally {
    clearTimeout(timer);
  }
}
