import { encodeArray } from "./binary-array.ts";
import type { Sql } from "./pool.ts";

/** What is sent of an event to a subscriber, and how that goes. All times are those of the database's clock. */

// event_matches reads the whole event, with its body; so whether the type fits at all is asked first.
const INSERT = `
with new_delivery as (
  insert into event_deliveries
    (organization_id, id, event_id, event_received_at, subscription_id, generation, status, next_attempt_at, last_error)
  select e.organization_id, gen_random_uuid(), e.id, e.received_at, s.id, e.replays,
    case when s.is_active then 'pending' else 'cancelled' end,
    case when s.is_active then now() + interval '1 minute' end,
    case when not s.is_active then 'disabled: the subscription is not active' end
  from (select unnest($2::uuid[]) as id, unnest($3::timestamptz[]) as received_at) wanted
    join events e
      on e.organization_id = $1::uuid and e.id = wanted.id and e.received_at = wanted.received_at
    join event_subscriptions s
      on s.organization_id = e.organization_id and (s.is_active or s.disabled_reason is distinct from 'gone')
  where case when exists (
    select from unnest(s.event_types) as asked(pattern)
    where event_name_matches(e.event_type, asked.pattern)
      or event_name_matches(e.event_type || '.' || coalesce(e.action, ''), asked.pattern)
  ) then event_matches(e, s) end
  on conflict do nothing
  returning id, event_received_at, status
)
select id, event_received_at from new_delivery where status = 'pending'`;

/**
 * Makes a delivery of each event for each active subscription it matches and returns those that are new: nudge about them
 * after the commit. Done twice for one replay of an event it makes nothing new. Events must have their payload and
 * repository by now. Subscriptions that are switched off get deliveries too, cancelled ones, so that a replay finds what
 * was missed; those whose receiver said it is gone for good do not. Runs in a transaction of the organization.
 */
export async function insertDeliveries(
  sql: Sql,
  organizationId: string,
  events: readonly { id: string; receivedAt: number }[],
): Promise<{ id: string; receivedAt: number }[]> {
  const { rows } = await sql.query<{ id: string; event_received_at: Date }>({
    name: "insert-deliveries",
    text: INSERT,
    values: [
      organizationId,
      encodeArray(
        "uuid",
        events.map(({ id }) => id),
      ),
      encodeArray(
        "timestamptz",
        events.map(({ receivedAt }) => receivedAt),
      ),
    ],
  });
  return rows.map((row) => ({ id: row.id, receivedAt: row.event_received_at.getTime() }));
}

/** Names one row: its organization, its id, and when its event was received (milliseconds since 1970). */
export interface DeliveryKey {
  organizationId: string;
  id: string;
  receivedAt: number;
}

function keyValues({ organizationId, id, receivedAt }: DeliveryKey): [string, string, Date] {
  return [organizationId, id, new Date(receivedAt)];
}

const KEY = "d.organization_id = $1 and d.id = $2 and d.event_received_at = $3";
const IS_CLAIMABLE =
  "(d.status = 'pending' or d.status in ('failed', 'delivering') and d.next_attempt_at <= now())";

const FIND_CLAIMABLE = `select d.subscription_id from event_deliveries d where ${KEY} and ${IS_CLAIMABLE}`;

/** The subscription of a delivery whose turn it is, or null. Runs in a transaction of the organization. */
export async function findClaimable(sql: Sql, key: DeliveryKey): Promise<string | null> {
  const { rows } = await sql.query<{ subscription_id: string }>({
    name: "find-claimable-delivery",
    text: FIND_CLAIMABLE,
    values: keyValues(key),
  });
  return rows[0]?.subscription_id ?? null;
}

/** How long one worker has a delivery for itself. Longer than any attempt takes. */
const LEASE = "interval '120 seconds'";
const DISABLED = "'disabled: ' || coalesce(s.disabled_reason, 'the subscription is not active')";

// Also what can never be sent, because its subscription or its event was removed.
const CANCEL_CLAIMED = `
update event_deliveries d
set status = 'cancelled', next_attempt_at = null, last_error = coalesce((
    select ${DISABLED} from event_subscriptions s
    where s.organization_id = d.organization_id and s.id = d.subscription_id and not s.is_active
  ), 'removed: its subscription or its event is no longer there')
where ${KEY} and ${IS_CLAIMABLE} and not exists (
  select from event_subscriptions s, events e
  where s.organization_id = d.organization_id and s.id = d.subscription_id and s.is_active
    and e.organization_id = d.organization_id and e.id = d.event_id and e.received_at = d.event_received_at
)`;

const CLAIM = `
with claimed as (
  update event_deliveries d
  set status = 'delivering', attempts = d.attempts + 1, last_attempt_at = clock_timestamp(),
    next_attempt_at = now() + ${LEASE}
  where ${KEY} and ${IS_CLAIMABLE}
  returning d.*
)
select c.attempts, c.last_attempt_at::text as fence, c.subscription_id, s.target_kind, s.target, s.secrets,
  e.id as event_id, e.source, e.event_type, e.action, e.repository, e.provider_time, e.received_at,
  case when octet_length(e.payload::text) <= $4 then e.payload::text end as payload,
  e.payload is not null as has_payload
from claimed c
  join event_subscriptions s on s.organization_id = c.organization_id and s.id = c.subscription_id
  join events e
    on e.organization_id = c.organization_id and e.id = c.event_id and e.received_at = c.event_received_at`;

/** A delivery that one worker has for itself until its lease ends. */
export interface ClaimedDelivery {
  /** Which attempt this is, from 1. */
  attempts: number;
  /** Tells this attempt from any other of the same delivery. */
  fence: string;
  subscription_id: string;
  target_kind: "https" | "pubsub";
  target: string;
  secrets: { reference: string; not_after: string | null }[];
  event_id: string;
  source: string;
  event_type: string;
  action: string | null;
  repository: string | null;
  provider_time: Date | null;
  received_at: Date;
  /** JSON as text; null when there is none or it is larger than was asked for. */
  payload: string | null;
  has_payload: boolean;
}

/**
 * Takes a delivery whose turn it is, or null when it is not: somebody else has it, it has ended, it waits for its next
 * attempt, or its subscription is switched off or removed, which cancels it. Runs in a transaction of the organization.
 */
export async function claimDelivery(
  sql: Sql,
  key: DeliveryKey,
  payloadBytesMax: number,
): Promise<ClaimedDelivery | null> {
  const cancelled = await sql.query({
    name: "cancel-claimable-delivery",
    text: CANCEL_CLAIMED,
    values: keyValues(key),
  });
  if ((cancelled.rowCount ?? 0) > 0) return null;
  const { rows } = await sql.query<ClaimedDelivery>({
    name: "claim-delivery",
    text: CLAIM,
    values: [...keyValues(key), payloadBytesMax],
  });
  return rows[0] ?? null;
}

/** An attempt as it was claimed. Its end is written only while no later attempt has begun. */
export interface Attempt extends DeliveryKey {
  attempts: number;
  fence: string;
}

const FENCE = `${KEY} and d.attempts = $4 and d.last_attempt_at = $5::timestamptz and d.status in ('delivering', 'pending')`;

function attemptValues(attempt: Attempt): [string, string, Date, number, string] {
  return [...keyValues(attempt), attempt.attempts, attempt.fence];
}

// The row of a subscription is written only when that changes something: deliveries at the same time would wait for it.
const DELIVERED = `
with ended as (
  update event_deliveries d
  set status = 'delivered', delivered_at = now(), next_attempt_at = null, last_status = $6, last_error = null
  where ${FENCE}
  returning d.organization_id, d.subscription_id
), success as (
  update event_subscriptions s set first_failure_at = null, last_success_at = now()
  from ended
  where s.organization_id = ended.organization_id and s.id = ended.subscription_id
    and (s.first_failure_at is not null or s.last_success_at is null
      or s.last_success_at < now() - interval '1 minute')
)
select from ended`;

/** Records that the receiver took it; false when a later attempt has begun. Runs in a transaction of the organization. */
export async function recordDelivered(sql: Sql, attempt: Attempt, status: number | null): Promise<boolean> {
  const { rows } = await sql.query({
    name: "record-delivered",
    text: DELIVERED,
    values: [...attemptValues(attempt), status],
  });
  return rows.length > 0;
}

// A subscription that has failed for five days is switched off; but a failure that follows an idle time of two days or
// more, in which nothing was tried, begins a count of its own. Retries are never that far apart.
const FAILED = `
with ended as (
  update event_deliveries d
  set status = case when $6::double precision is null then 'dead_letter' else 'failed' end,
    next_attempt_at = now() + make_interval(secs => $6 / 1000), last_status = $7, last_error = $8
  where ${FENCE}
  returning d.organization_id, d.id, d.subscription_id, d.attempts
), failing as (
  select ended.*, s.first_failure_at, s.first_failure_at <= now() - interval '5 days' as is_long,
    ended.attempts > 1 or exists (
      select from event_deliveries o
      where o.organization_id = ended.organization_id and o.subscription_id = ended.subscription_id
        and o.created_at > now() - interval '7 days' and o.id <> ended.id
        and o.last_attempt_at > now() - interval '2 days'
    ) as is_steady
  from ended
    join event_subscriptions s
      on s.organization_id = ended.organization_id and s.id = ended.subscription_id and s.is_active
  where s.first_failure_at is null or s.first_failure_at <= now() - interval '5 days'
), subscription as (
  update event_subscriptions s
  set first_failure_at = case when f.is_long and f.is_steady then f.first_failure_at else now() end,
    is_active = not coalesce(f.is_long and f.is_steady, false),
    disabled_reason = case when f.is_long and f.is_steady then 'failing for five days' end
  from failing f
  where s.organization_id = f.organization_id and s.id = f.subscription_id and s.is_active
    and (s.first_failure_at is null or s.first_failure_at <= now() - interval '5 days')
  returning s.is_active
)
select exists (select from subscription where not is_active) as disabled from ended`;

/** How an attempt failed: a class, then what happened, never what was sent or answered. */
export interface Failure {
  /** Until the next attempt; null when there is none, and the delivery is a dead letter. */
  retryInMs: number | null;
  status: number | null;
  error: string;
}

/**
 * Records a failed attempt. `disabled` says that the subscription has now failed for five days and was switched off; null
 * is returned when a later attempt has begun. Runs in a transaction of the organization.
 */
export async function recordFailure(
  sql: Sql,
  attempt: Attempt,
  failure: Failure,
): Promise<{ disabled: boolean } | null> {
  const { rows } = await sql.query<{ disabled: boolean }>({
    name: "record-failed-delivery",
    text: FAILED,
    values: [...attemptValues(attempt), failure.retryInMs, failure.status, failure.error.slice(0, 500)],
  });
  return rows[0] ?? null;
}

const GONE = `
with ended as (
  update event_deliveries d
  set status = 'dead_letter', next_attempt_at = null, last_status = $6, last_error = $7
  where ${FENCE}
  returning d.organization_id, d.subscription_id
), subscription as (
  update event_subscriptions s
  set is_active = false, disabled_reason = 'gone', first_failure_at = coalesce(s.first_failure_at, now())
  from ended
  where s.organization_id = ended.organization_id and s.id = ended.subscription_id and s.is_active
)
select from ended`;

/** Records that the receiver is gone for good, which switches its subscription off. False when a later attempt has begun. */
export async function recordGone(
  sql: Sql,
  attempt: Attempt,
  outcome: { status: number; error: string },
): Promise<boolean> {
  const { rows } = await sql.query({
    name: "record-gone",
    text: GONE,
    values: [...attemptValues(attempt), outcome.status, outcome.error],
  });
  return rows.length > 0;
}

const CANCEL_OPEN = `
with open_delivery as (
  select d.id, d.event_received_at from event_deliveries d
  where d.organization_id = $1 and d.subscription_id = $2 and d.status in ('pending', 'failed')
  limit $3
  for update skip locked
)
update event_deliveries d set status = 'cancelled', next_attempt_at = null, last_error = ${DISABLED}
from open_delivery o, event_subscriptions s
where d.organization_id = $1 and d.id = o.id and d.event_received_at = o.event_received_at
  and s.organization_id = d.organization_id and s.id = d.subscription_id and not s.is_active`;

/**
 * Cancels up to `deliveriesMax` deliveries of a switched-off subscription that wait, and returns how many. The others are
 * cancelled when their turn comes. Runs in a transaction of the organization or with the owner's rights.
 */
export async function cancelOpenDeliveries(
  sql: Sql,
  organizationId: string,
  subscriptionId: string,
  deliveriesMax: number,
): Promise<number> {
  const result = await sql.query({
    text: CANCEL_OPEN,
    values: [organizationId, subscriptionId, deliveriesMax],
  });
  return result.rowCount ?? 0;
}
