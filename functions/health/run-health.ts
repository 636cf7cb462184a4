import { changeAlerts } from "../../shared/postgres/alerts.ts";
import { summarizeIngestKeys } from "../../shared/postgres/health-queues.ts";
import { getReplicationFacts } from "../../shared/postgres/health-replication.ts";
import { insertSamples } from "../../shared/postgres/health-samples.ts";
import { getStorageFacts } from "../../shared/postgres/health-storage.ts";
import { decideAlerts } from "./alerts/decide-alerts.ts";
import { ALL_CHECKS } from "./all-checks.ts";
import type { Status } from "./check.ts";
import type { HealthContext } from "./context.ts";
import { gatherReport } from "./gather.ts";

export interface HealthOutcome {
  status: Status;
  counts: Record<Status, number>;
  opened: number;
  closed: number;
  events: number;
  /** Another run is at work: nothing was changed. */
  is_under_way: boolean;
}

const GATHER_MS = 1_700;

/**
 * Makes every check, opens and closes alerts by the rules, and notes the counters of the server. Throws what the database
 * throws: without it nothing can be remembered, and the log line of the failure is what is left to alert on.
 */
export async function runHealth({ sources, pool, log }: HealthContext): Promise<HealthOutcome> {
  const report = await gatherReport(ALL_CHECKS, sources, { deadlineMs: GATHER_MS, log });
  const { status, counts } = report;
  for (const check of report.checks) {
    if (check.status !== "critical") continue;
    log("CRITICAL", `${check.name} is critical`, {
      check: check.name,
      value: check.value,
      detail: check.message,
    });
  }
  const changed = await changeAlerts(pool, (state) => decideAlerts(report.checks, state));
  if (changed !== null) {
    const { deadlocks, blocks_hit, blocks_read } = await getStorageFacts(sources.pool);
    const { log_bytes } = await getReplicationFacts(sources.pool);
    await insertSamples(pool, {
      deadlocks,
      blocks_hit,
      blocks_read,
      ...(log_bytes === null ? {} : { log_bytes }),
    });
    await summarizeIngestKeys(pool);
  }
  return {
    status,
    counts,
    ...(changed ?? { opened: 0, closed: 0, events: 0 }),
    is_under_way: changed === null,
  };
}
