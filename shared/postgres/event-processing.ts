import type { EventOrigin } from "../event-source.ts";
import { encodeArray } from "./binary-array.ts";
import type { Sql } from "./pool.ts";

/** Where an event's row is: the time it was received names the partition. Milliseconds since 1970. */
export interface EventKey {
  id: string;
  receivedAt: number;
}

/** An event as a worker takes it: its row, with what the catalogue says of its type. */
export interface ClaimedRow {
  id: string;
  received_at: Date;
  source_id: string;
  source: EventOrigin;
  event_type: string;
  action: string | null;
  delivery_key: string;
  content_type: string | null;
  headers: Record<string, string>;
  /** Null when it is no text. */
  body: string | null;
  attempts: number;
  replays: number;
  is_known_type: boolean;
  is_enabled_type: boolean;
}

/** An event that was taken this often and has not ended may be what ends its workers. */
const SUSPICIOUS_ATTEMPTS = 2;

// The row's lock is held until the update, so of two workers one gets the event and the other nothing. What is over the
// bound of bytes keeps its state; the window counts bytes without reading them. A suspicious event is taken when
// it is the first, and then alone.
const CLAIM = `
with due as materialized (
  select e.id, e.received_at, octet_length(e.body) as bytes, e.attempts >= ${SUSPICIOUS_ATTEMPTS} as is_suspicious
  from unnest($2::uuid[], $3::timestamptz[]) as w(id, received_at)
    join events e on e.organization_id = $1 and e.id = w.id and e.received_at = w.received_at
  where e.received_at between $4 and $5
    and (e.status = 'pending' or e.status in ('failed', 'processing') and e.next_attempt_at <= now())
  for update of e skip locked
), counted as (
  select id, received_at, is_suspicious, row_number() over earlier as position,
    first_value(is_suspicious) over earlier as is_first_suspicious,
    sum(bytes) over (earlier rows unbounded preceding) - bytes as before
  from due
  window earlier as (order by is_suspicious <> $8, received_at, id)
), claimed as (
  update events e set status = 'processing', attempts = e.attempts + 1,
    next_attempt_at = now() + ($7::double precision[])[least(e.attempts + 1, cardinality($7))] * interval '1 millisecond'
  from counted c
  where e.organization_id = $1 and e.id = c.id and e.received_at = c.received_at
    and e.received_at between $4 and $5 and c.before < $6
    and (c.position = 1 or not c.is_suspicious and not c.is_first_suspicious)
  returning e.id, e.received_at, e.source_id, e.source, e.event_type, e.action, e.delivery_key, e.content_type, e.headers,
    case when e.is_text then convert_from(e.body, 'UTF8') end as body, e.attempts, e.replays
)
select d.id, d.received_at, c.source_id, c.source, c.event_type, c.action, c.delivery_key, c.content_type, c.headers, c.body,
  c.attempts, c.replays,
  coalesce(own.type, built_in.type) is not null as is_known_type,
  coalesce(own.is_enabled, built_in.is_enabled, true) as is_enabled_type
from due d
  left join claimed c on c.id = d.id
  left join event_types own on own.organization_id = $1 and own.type = c.event_type
  left join event_types built_in on built_in.organization_id is null and built_in.type = c.event_type`;

interface ClaimBounds {
  bytesMax: number;
  /** How long an event is its worker's, by the number of the try; the last is for all that follow. */
  leasesMs: readonly number[];
  /** Whether one that was taken twice before goes ahead of the others, or they of it. Take turns, so that neither starves. */
  isSuspiciousFirst: boolean;
}

interface Claimed {
  events: ClaimedRow[];
  /** Due, but left for another claim: their bodies would have been too much at once, or one of them is to go alone. */
  deferred: EventKey[];
}

/**
 * Takes those of the events that are to be processed now and that nobody else holds: pending ones, failed ones whose next
 * try has come, and those whose worker is gone. They are this worker's for their lease. Bodies come up to `bytesMax` and one more; what was taken twice before comes alone;
 * at least one event is taken when any is due. Runs in a transaction of the organization; commit it before working.
 */
export async function claimEvents(
  sql: Sql,
  organizationId: string,
  keys: readonly EventKey[],
  { bytesMax, leasesMs, isSuspiciousFirst }: ClaimBounds,
): Promise<Claimed> {
  const { rows } = await sql.query<ClaimedRow | (EventRow & { source: null })>({
    text: CLAIM,
    values: [
      organizationId,
      ...keyParameters(keys),
      bytesMax,
      encodeArray("double precision", leasesMs),
      isSuspiciousFirst,
    ],
  });
  return {
    events: rows.filter((row) => row.source !== null),
    deferred: rows.filter((row) => row.source === null).map(keyOf),
  };
}

/** What a worker holds while it works: the try by its number, so that a late one changes nothing. */
interface Attempt extends EventKey {
  attempt: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  durationMs: number;
}

export interface CompletedEvent extends Attempt {
  /** JSON text, or null when the body itself is it. */
  payload: string | null;
  repository: string | null;
  actor: string | null;
  isKnownType: boolean;
  /** Milliseconds since 1970, or null to keep what the intake has found. */
  providerTime: number | null;
}

const OUTBOX_BYTES = 600;

const COMPLETE = `
with done as (
  update events e
  set status = 'processed', processed_at = coalesce(e.processed_at, now()), next_attempt_at = null,
    error_class = null, error_message = null,
    payload = coalesce(i.payload, convert_from(e.body, 'UTF8'))::jsonb,
    repository = i.repository, actor = i.actor, is_known_type = i.is_known_type,
    provider_time = coalesce(i.provider_time, e.provider_time)
  from unnest(
    $2::uuid[], $3::timestamptz[], $6::integer[], $7::timestamptz[], $8::integer[],
    $9::text[], $10::text[], $11::text[], $12::boolean[], $13::timestamptz[]
  ) as i(id, received_at, attempt, started_at, duration_ms, payload, repository, actor, is_known_type, provider_time)
  where e.organization_id = $1 and e.id = i.id and e.received_at = i.received_at
    and e.received_at between $4 and $5 and e.status = 'processing' and e.attempts = i.attempt
  returning e.id, e.received_at, e.replays, e.processed_at = now() as is_first, i.attempt, i.started_at, i.duration_ms
), logged as (
  insert into event_processing_logs
    (organization_id, event_id, event_received_at, replay, attempt, started_at, duration_ms, outcome)
  select $1, id, received_at, replays, attempt, started_at, duration_ms, 'processed' from done
), queued as (
  insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes, kind)
  select $1, array_agg(id order by received_at, id), array_agg(received_at order by received_at, id),
    ${OUTBOX_BYTES} * count(*), 'events'
  from done where is_first having count(*) > 0
)
select id from done`;

/**
 * Ends events that were processed, notes the tries, and queues those that had not been processed before for the analytics
 * copy. Returns the ids of those that were still this worker's; the rest must have no effects. Runs in a transaction of the
 * organization, before the effects.
 */
export async function completeEvents(
  sql: Sql,
  organizationId: string,
  events: readonly CompletedEvent[],
): Promise<Set<string>> {
  const { rows } = await sql.query<{ id: string }>({
    text: COMPLETE,
    values: [
      organizationId,
      ...keyParameters(events),
      ...attemptParameters(events),
      textArray(events.map(({ payload }) => payload)),
      textArray(events.map(({ repository }) => repository)),
      textArray(events.map(({ actor }) => actor)),
      events.map(({ isKnownType }) => isKnownType),
      encodeArray(
        "timestamptz",
        events.map(({ providerTime }) => providerTime),
      ),
    ],
  });
  return new Set(rows.map((row) => row.id));
}

export interface EndedEvent extends Attempt {
  status: "failed" | "dead_letter" | "ignored";
  /** Until the next try, in milliseconds; null when there is none. */
  delayMs: number | null;
  errorClass: string;
  /** Never has contents of the event. */
  errorMessage: string;
}

const END = `
with ended as (
  update events e
  set status = i.status, next_attempt_at = now() + i.delay_ms * interval '1 millisecond',
    error_class = i.error_class, error_message = i.error_message
  from unnest(
    $2::uuid[], $3::timestamptz[], $6::integer[], $7::timestamptz[], $8::integer[],
    $9::text[], $10::double precision[], $11::text[], $12::text[]
  ) as i(id, received_at, attempt, started_at, duration_ms, status, delay_ms, error_class, error_message)
  where e.organization_id = $1 and e.id = i.id and e.received_at = i.received_at
    and e.received_at between $4 and $5 and e.status = 'processing' and e.attempts = i.attempt
  returning e.id, e.received_at, e.replays, i.attempt, i.started_at, i.duration_ms, e.status, e.error_class, e.error_message
), logged as (
  insert into event_processing_logs (
    organization_id, event_id, event_received_at, replay, attempt, started_at, duration_ms, outcome, error_class, error_message
  )
  select $1, id, received_at, replays, attempt, started_at, duration_ms, status, error_class, error_message from ended
)
select id from ended`;

/** Ends tries that did not process their event. Returns the ids of those that were still this worker's; as above. */
export async function endEvents(
  sql: Sql,
  organizationId: string,
  events: readonly EndedEvent[],
): Promise<Set<string>> {
  const { rows } = await sql.query<{ id: string }>({
    text: END,
    values: [
      organizationId,
      ...keyParameters(events),
      ...attemptParameters(events),
      textArray(events.map(({ status }) => status)),
      encodeArray(
        "double precision",
        events.map(({ delayMs }) => delayMs),
      ),
      textArray(events.map(({ errorClass }) => errorClass)),
      textArray(events.map(({ errorMessage }) => errorMessage)),
    ],
  });
  return new Set(rows.map((row) => row.id));
}

interface EventRow {
  id: string;
  received_at: Date;
}

function keyOf({ id, received_at: receivedAt }: EventRow): EventKey {
  return { id, receivedAt: receivedAt.getTime() };
}

/** Parameters 2 to 5. The bounds let the planner leave out the partitions of other months. */
function keyParameters(keys: readonly EventKey[]): unknown[] {
  const times = keys.map(({ receivedAt }) => receivedAt);
  return [
    encodeArray(
      "uuid",
      keys.map(({ id }) => id),
    ),
    encodeArray("timestamptz", times),
    new Date(Math.min(...times)),
    new Date(Math.max(...times)),
  ];
}

/** Parameters 6 to 8. */
function attemptParameters(attempts: readonly Attempt[]): unknown[] {
  return [
    encodeArray(
      "integer",
      attempts.map(({ attempt }) => attempt),
    ),
    encodeArray(
      "timestamptz",
      attempts.map(({ startedAt }) => startedAt),
    ),
    encodeArray(
      "integer",
      attempts.map(({ durationMs }) => durationMs),
    ),
  ];
}

function textArray(values: readonly (string | null)[]): Buffer {
  return encodeArray("text", values);
}

/** A row that is to be told of, of any organization. */
export interface DueRow extends EventKey {
  organizationId: string;
}

interface OwnedEventRow extends EventRow {
  organization_id: string;
}

function dueRowOf({ organization_id: organizationId, id, received_at: receivedAt }: OwnedEventRow): DueRow {
  return { organizationId, id, receivedAt: receivedAt.getTime() };
}

const DUE_EVENTS = "select organization_id, id, received_at from process_pending_events($1)";

/** Up to `max` events that are due, which are not due again for five minutes. With the rights of the system jobs. */
export async function takeDueEvents(sql: Sql, max: number): Promise<DueRow[]> {
  const { rows } = await sql.query<OwnedEventRow>({ text: DUE_EVENTS, values: [max] });
  return rows.map(dueRowOf);
}

const DUE_DELIVERIES =
  "select organization_id, id, event_received_at as received_at from process_pending_deliveries($1)";

/** The same for deliveries to subscribers; `receivedAt` is that of their event. */
export async function takeDueDeliveries(sql: Sql, max: number): Promise<DueRow[]> {
  const { rows } = await sql.query<OwnedEventRow>({ text: DUE_DELIVERIES, values: [max] });
  return rows.map(dueRowOf);
}
