import { clipText } from "../../shared/agent/clip-text.ts";
import { insertDeliveries } from "../../shared/postgres/event-deliveries.ts";
import { type CompletedEvent, completeEvents } from "../../shared/postgres/event-processing.ts";
import { type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import { type ProjectedRows, type Row, writeProjectedRows } from "../../shared/postgres/projected-rows.ts";
import type { EventPartitions } from "./event-partitions.ts";
import type { Nudger } from "./nudge-workers.ts";
import type { ProjectedEvent } from "./project-event.ts";
import type { ClaimedEvent } from "./projection.ts";

/** An event that has been read; what is left is to write it down. */
export interface ReadyEvent {
  event: ClaimedEvent;
  projected: ProjectedEvent;
  /** Milliseconds since 1970. */
  startedAt: number;
}

interface ApplyOptions {
  pool: Pool;
  partitions: EventPartitions;
  nudger: Nudger;
  now: () => number;
}

const REPOSITORY_CHARS_MAX = 300;
const ACTOR_CHARS_MAX = 200;

/**
 * Writes what events of one organization come to, and that they are processed, in one transaction; then tells of the
 * deliveries to subscribers. Returns the ids of those that were still this worker's: the others have no effect.
 */
export async function applyEvents(
  { pool, partitions, nudger, now }: ApplyOptions,
  batch: readonly ReadyEvent[],
): Promise<Set<string>> {
  const organizationId = batch[0]?.event.organizationId;
  if (organizationId === undefined) return new Set();
  const moments = {
    receivedAt: batch.map(({ event }) => event.receivedAt),
    startedAt: batch.map(({ startedAt }) => startedAt),
  };
  const { done, deliveries } = await partitions.write(moments, () =>
    withOrganization(pool, organizationId, async (sql) => {
      const ids = await completeEvents(
        sql,
        organizationId,
        batch.map((ready) => completionOf(ready, now())),
      );
      const applied = batch.filter(({ event }) => ids.has(event.id));
      if (applied.length === 0) return { done: ids, deliveries: [] };
      await writeProjectedRows(sql, organizationId, rowsOf(applied));
      const keys = applied.map(({ event }) => ({ id: event.id, receivedAt: event.receivedAt }));
      return { done: ids, deliveries: await insertDeliveries(sql, organizationId, keys) };
    }),
  );
  await nudger.nudgeIfPossible(
    "delivery",
    deliveries.map(({ id, receivedAt }) => ({ organizationId, id, receivedAt })),
  );
  return done;
}

function completionOf({ event, projected, startedAt }: ReadyEvent, now: number): CompletedEvent {
  const { payloadText, repository, actor, providerTime } = projected;
  return {
    id: event.id,
    receivedAt: event.receivedAt,
    attempt: event.attempts,
    startedAt,
    durationMs: Math.max(0, Math.round(now - startedAt)),
    payload: payloadText,
    repository: repository === null ? null : clipText(repository, REPOSITORY_CHARS_MAX),
    actor: actor === null ? null : clipText(actor, ACTOR_CHARS_MAX),
    isKnownType: event.isKnownType,
    providerTime,
  };
}

function rowsOf(batch: readonly ReadyEvent[]): ProjectedRows {
  const merged = new Map<string, Row[]>();
  for (const { projected } of batch) {
    for (const [table, rows] of Object.entries(projected.rows)) {
      const list = merged.get(table);
      if (list === undefined) merged.set(table, [...rows]);
      else list.push(...rows);
    }
  }
  return Object.fromEntries(merged);
}
