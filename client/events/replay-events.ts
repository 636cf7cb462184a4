import type { EventFilter } from "../../shared/postgres/event-listing.ts";
import type { ReplayCount, ReplayCursor } from "../../shared/postgres/event-replay.ts";
import { countReplayable, replayEvents } from "../../shared/postgres/event-replay.ts";
import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import type { InOrganization } from "../in-organization.ts";

const BATCH_EVENTS = 500;

export interface ReplayPlan {
  filter: EventFilter;
  events: number;
  counts: ReplayCount[];
}

/** What a replay would take; changes nothing. */
export async function planReplay(sql: Sql, organizationId: string, filter: EventFilter): Promise<ReplayPlan> {
  const counts = await countReplayable(sql, organizationId, filter);
  return { filter, counts, events: counts.reduce((sum, { events }) => sum + events, 0) };
}

/**
 * Makes the planned events pending again, each batch in a transaction of its own with its entry in the audit log, and
 * returns how many. Stopped in the middle, the same command goes on with the rest.
 */
export async function runReplay(inOrganization: InOrganization, plan: ReplayPlan): Promise<number> {
  const { filter } = plan;
  let after: ReplayCursor | null = null;
  let replayed = 0;
  do {
    const left = plan.events - replayed;
    if (left <= 0) return replayed;
    const step: Awaited<ReturnType<typeof replayEvents>> = await replayBatch(inOrganization, filter, {
      after,
      limit: Math.min(BATCH_EVENTS, left),
    });
    replayed += step.replayed.length;
    after = step.next;
  } while (after !== null);
  return replayed;
}

async function replayBatch(
  inOrganization: InOrganization,
  filter: EventFilter,
  batch: { after: ReplayCursor | null; limit: number },
): ReturnType<typeof replayEvents> {
  return await inOrganization(async (sql, organizationId) => {
    const step = await replayEvents(sql, organizationId, filter, batch);
    const [first] = step.replayed;
    if (first === undefined) return step;
    await insertAuditLog(sql, {
      organizationId,
      userId: null,
      action: "event.replayed",
      resourceType: "event",
      resourceId: first.id,
      metadata: {
        events: step.replayed.length,
        ...(filter.ids === null
          ? {
              type: filter.type,
              statuses: filter.statuses,
              source_id: filter.sourceId,
              kind: filter.kind,
              since: filter.since,
              until: filter.until,
            }
          : { ids: step.replayed.map(({ id }) => id) }),
      },
    });
    return step;
  });
}
