import { setTimeout as delay } from "node:timers/promises";
import { DatabaseError } from "pg";
import { restoreAnalyticsMonth } from "../clickhouse/retention-restore.ts";
import { pauseDelivery, resumeDelivery } from "../postgres/analytics-outbox.ts";
import { listMonthLines } from "../postgres/retention-lines.ts";
import type { RetentionConnection, RetentionTools } from "./connection.ts";
import { AnalyticsAway, onAnalytics } from "./analytics.ts";

const LOCK_NOT_AVAILABLE = "55P03";
const LINES = 5_000;
const SEALED_WAIT_MS = 60_000;
const POLL_MS = 500;

/**
 * Fills a month of the analytics copy anew from the ledger and returns how many executions that were. Relays wait meanwhile:
 * what arrives late is in their queue or in the ledger's lines, and never in both or neither. Throws AnalyticsAway when the
 * copy does not answer, or the relay does not deliver what it has sealed of that month.
 */
export async function copyMonth(
  tools: Pick<RetentionTools, "clickhouse">,
  connection: Pick<RetentionConnection, "run">,
  month: string,
): Promise<number> {
  for (let waited = 0; !(await pause(connection, month)); waited += POLL_MS) {
    if (waited >= SEALED_WAIT_MS)
      throw new AnalyticsAway("the relay has not delivered what it sealed of this month");
    await delay(POLL_MS);
  }
  try {
    return await onAnalytics(() =>
      restoreAnalyticsMonth(tools.clickhouse, month, listMonthLines(connection.run, month, LINES)),
    );
  } finally {
    await connection.run(resumeDelivery);
  }
}

async function pause(connection: Pick<RetentionConnection, "run">, month: string): Promise<boolean> {
  try {
    return await connection.run((sql) => pauseDelivery(sql, month));
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== LOCK_NOT_AVAILABLE) throw error;
    throw new AnalyticsAway("a relay has been delivering for longer than it may", { cause: error });
  }
}
