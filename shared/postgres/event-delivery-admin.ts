import type { Sql } from "./pool.ts";

/** Deliveries as operators see them. Everything here runs with the owner's rights. */
export interface ListedDelivery {
  id: string;
  subscription_id: string;
  event_id: string;
  event_received_at: Date;
  event_type: string | null;
  generation: number;
  status: "pending" | "delivering" | "delivered" | "failed" | "dead_letter" | "cancelled";
  attempts: number;
  next_attempt_at: Date | null;
  last_attempt_at: Date | null;
  last_status: number | null;
  last_error: string | null;
  created_at: Date;
}

const LISTED = `
select d.id, d.subscription_id, d.event_id, d.event_received_at, d.generation, d.status, d.attempts, d.next_attempt_at,
  d.last_attempt_at, d.last_status, d.last_error, d.created_at,
  e.event_type || coalesce('.' || e.action, '') as event_type
from event_deliveries d
  left join events e
    on e.organization_id = d.organization_id and e.id = d.event_id and e.received_at = d.event_received_at
where d.organization_id = $1`;

const TROUBLE = "d.status in ('failed', 'dead_letter', 'cancelled')";

const LIST = `${LISTED} and d.subscription_id = $2 and (not $3 or ${TROUBLE})
order by d.created_at desc, d.id limit $4`;

/** The latest deliveries of a subscription, newest first; only those that failed or were cancelled when that is asked. */
export async function listDeliveries(
  sql: Sql,
  organizationId: string,
  subscriptionId: string,
  options: { onlyTrouble: boolean; limit: number },
): Promise<ListedDelivery[]> {
  const { rows } = await sql.query<ListedDelivery>({
    text: LIST,
    values: [organizationId, subscriptionId, options.onlyTrouble, options.limit],
  });
  return rows;
}

const FIND = `${LISTED} and d.id = $2::uuid limit 1`;

/** A delivery by its id, which is the webhook-id its receiver saw, or null. */
export async function findDelivery(
  sql: Sql,
  organizationId: string,
  id: string,
): Promise<ListedDelivery | null> {
  return (await sql.query<ListedDelivery>({ text: FIND, values: [organizationId, id] })).rows[0] ?? null;
}

/** Which deliveries of a subscription a replay takes: those that failed, ended dead or were cancelled. */
export interface ReplayRange {
  subscriptionId: string;
  /** When their events were received, from and until (exclusive); null for no bound. */
  since: Date | null;
  until: Date | null;
}

const RANGE = `d.organization_id = $1 and d.subscription_id = $2 and ${TROUBLE}
  and ($3::timestamptz is null or d.event_received_at >= $3) and ($4::timestamptz is null or d.event_received_at < $4)`;

const COUNT_RANGE = `select count(*)::integer as count from event_deliveries d where ${RANGE}`;

/** How many deliveries a replay of this range would take. */
export async function countReplayable(sql: Sql, organizationId: string, range: ReplayRange): Promise<number> {
  const { rows } = await sql.query<{ count: number }>({
    text: COUNT_RANGE,
    values: [organizationId, range.subscriptionId, range.since, range.until],
  });
  return rows[0]?.count ?? 0;
}

// Due at once, so that the next sweep tells the workers. The schedule of attempts starts again; the id stays.
const SET_PENDING = `
update event_deliveries d
set status = 'pending', attempts = 0, next_attempt_at = now(), last_error = null, last_status = null, delivered_at = null`;

const REPLAY_RANGE = `${SET_PENDING} where ${RANGE}`;

/** Makes the deliveries of this range due again and returns how many there were. */
export async function replayDeliveries(
  sql: Sql,
  organizationId: string,
  range: ReplayRange,
): Promise<number> {
  const result = await sql.query({
    text: REPLAY_RANGE,
    values: [organizationId, range.subscriptionId, range.since, range.until],
  });
  return result.rowCount ?? 0;
}

const REPLAY_ONE = `${SET_PENDING} where d.organization_id = $1 and d.id = $2::uuid and d.status <> 'delivering'`;

/** Makes one delivery due again, also one that was delivered; false when it is under way or not there. */
export async function replayDelivery(sql: Sql, organizationId: string, id: string): Promise<boolean> {
  const result = await sql.query({ text: REPLAY_ONE, values: [organizationId, id] });
  return (result.rowCount ?? 0) > 0;
}
