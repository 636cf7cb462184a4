import type { EventFilter, EventStatus } from "./event-listing.ts";
import { EVENT_FILTER, eventFilterValues } from "./event-listing.ts";
import type { Sql } from "./pool.ts";

/** Processing events again, for operators; runs with the owner's rights. What waits already needs no replay. */

export interface ReplayCount {
  event_type: string;
  status: EventStatus;
  events: number;
}

const COUNT = `
select e.event_type, e.status, count(*)::integer as events
from events e
where ${EVENT_FILTER} and e.status in ('processed', 'failed', 'dead_letter', 'ignored')
group by e.event_type, e.status
order by count(*) desc, e.event_type, e.status`;

/** How many events of which type and status a replay would take. */
export async function countReplayable(
  sql: Sql,
  organizationId: string,
  filter: EventFilter,
): Promise<ReplayCount[]> {
  const values = eventFilterValues(organizationId, filter);
  return (await sql.query<ReplayCount>({ text: COUNT, values })).rows;
}

/** Where the next batch begins: after this event, in the order of (received_at, id). */
export interface ReplayCursor {
  receivedAt: Date;
  id: string;
}

const REPLAY = `
with batch as (
  select e.organization_id, e.id, e.received_at
  from events e
  where ${EVENT_FILTER} and e.status in ('processed', 'failed', 'dead_letter', 'ignored')
    and ($9::timestamptz is null or (e.received_at, e.id) > ($9::timestamptz, $10::uuid))
  order by e.received_at, e.id
  limit $11
  for update
)
update events e
set status = 'pending', attempts = 0, replays = e.replays + 1, next_attempt_at = now(), error_class = null,
  error_message = null
from batch
where e.organization_id = batch.organization_id and e.id = batch.id and e.received_at = batch.received_at
returning e.id, e.received_at, e.event_type`;

/**
 * Makes up to `limit` events pending again, in the order of their arrival, and due at once. Returns where to go on, or
 * null when nothing was left: events that fail again before the next batch are not taken a second time.
 */
export async function replayEvents(
  sql: Sql,
  organizationId: string,
  filter: EventFilter,
  { after, limit }: { after: ReplayCursor | null; limit: number },
): Promise<{ replayed: { id: string; event_type: string }[]; next: ReplayCursor | null }> {
  const { rows } = await sql.query<{ id: string; received_at: Date; event_type: string }>({
    text: REPLAY,
    values: [...eventFilterValues(organizationId, filter), after?.receivedAt, after?.id, limit],
  });
  const last = rows
    .toSorted(
      (one, other) => one.received_at.getTime() - other.received_at.getTime() || (one.id < other.id ? -1 : 1),
    )
    .at(-1);
  const next = last === undefined ? null : { receivedAt: last.received_at, id: last.id };
  return { replayed: rows.map(({ id, event_type }) => ({ id, event_type })), next };
}
