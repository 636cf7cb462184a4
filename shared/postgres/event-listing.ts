import type { EventOrigin } from "../event-source.ts";
import type { Sql } from "./pool.ts";

/** What operators see of events and rejected requests. Everything here runs with the owner's rights. */

export const EVENT_STATUSES = [
  "pending",
  "processing",
  "processed",
  "failed",
  "dead_letter",
  "ignored",
] as const;
export type EventStatus = (typeof EVENT_STATUSES)[number];

/** Which events are meant; null where anything will do. */
export interface EventFilter {
  /** Ids; the other members hold as well. */
  ids: readonly string[] | null;
  sourceId: string | null;
  kind: EventOrigin | null;
  /** With `*` for any run of characters, with the action or without: `github.pull_request.*`. */
  type: string | null;
  statuses: readonly EventStatus[] | null;
  /** Received at or after this. */
  since: Date | null;
  /** Received before this. */
  until: Date | null;
}

/** The first eight parameters of every statement with a filter. */
export const EVENT_FILTER = `
e.organization_id = $1 and ($2::uuid[] is null or e.id = any ($2)) and ($3::uuid is null or e.source_id = $3)
and ($4::text is null or e.source = $4)
and ($5::text is null or event_name_matches(e.event_type, $5)
  or event_name_matches(e.event_type || '.' || coalesce(e.action, ''), $5))
and ($6::text[] is null or e.status = any ($6)) and ($7::timestamptz is null or e.received_at >= $7)
and ($8::timestamptz is null or e.received_at < $8)`;

export function eventFilterValues(organizationId: string, filter: EventFilter): unknown[] {
  const { ids, sourceId, kind, type, statuses, since, until } = filter;
  return [organizationId, ids, sourceId, kind, type, statuses, since, until];
}

export interface ListedEvent {
  id: string;
  received_at: Date;
  source: EventOrigin;
  source_name: string | null;
  event_type: string;
  action: string | null;
  status: EventStatus;
  repository: string | null;
  actor: string | null;
  attempts: number;
  replays: number;
  next_attempt_at: Date | null;
  processed_at: Date | null;
  error_class: string | null;
  error_message: string | null;
}

const LISTED_COLUMNS = `
e.id, e.received_at, e.source, s.name as source_name, e.event_type, e.action, e.status, e.repository, e.actor,
e.attempts, e.replays, e.next_attempt_at, e.processed_at, e.error_class, e.error_message`;

const LIST = `
select ${LISTED_COLUMNS}
from events e
  left join event_sources s on s.id = e.source_id and s.organization_id = e.organization_id
where ${EVENT_FILTER}
order by e.received_at desc, e.id
limit $9`;

/** Newest first. */
export async function listEvents(
  sql: Sql,
  organizationId: string,
  filter: EventFilter,
  limit: number,
): Promise<ListedEvent[]> {
  const values = [...eventFilterValues(organizationId, filter), limit];
  return (await sql.query<ListedEvent>({ text: LIST, values })).rows;
}

export interface EventTypeCount {
  event_type: string;
  events: number;
  /** Whether the catalogue has it, for this organization. */
  is_known: boolean;
  is_enabled: boolean;
  /** Failed and waiting for another try, or given up. */
  in_trouble: number;
  ignored: number;
  last_received_at: Date;
}

const COUNT_TYPES = `
select counted.*, known.is_enabled is not null as is_known, coalesce(known.is_enabled, true) as is_enabled
from (
  select e.event_type, count(*)::integer as events,
    (count(*) filter (where e.status in ('failed', 'dead_letter')))::integer as in_trouble,
    (count(*) filter (where e.status = 'ignored'))::integer as ignored, max(e.received_at) as last_received_at
  from events e
  where ${EVENT_FILTER}
  group by e.event_type
  order by count(*) desc, e.event_type
  limit $9
) counted
  left join lateral (
    select t.is_enabled from event_types t
    where t.type = counted.event_type and (t.organization_id is null or t.organization_id = $1)
    order by t.organization_id nulls last
    limit 1
  ) known on true
order by counted.events desc, counted.event_type`;

/** How many events there are of each type, the most frequent first. */
export async function countEventTypes(
  sql: Sql,
  organizationId: string,
  filter: EventFilter,
  limit: number,
): Promise<EventTypeCount[]> {
  const values = [...eventFilterValues(organizationId, filter), limit];
  return (await sql.query<EventTypeCount>({ text: COUNT_TYPES, values })).rows;
}

export interface RejectedRequest {
  rejected_at: Date;
  /** Name of the source; null for an address no source has. */
  source: string | null;
  kind: string;
  endpoint_id: string | null;
  reason: string;
  detail: string;
  headers: Record<string, unknown>;
  body_bytes: number;
  /** In hexadecimal. */
  body_sha256: string | null;
}

const LIST_REJECTED = `
select r.rejected_at, s.name as source, r.kind, r.endpoint_id, r.reason, r.detail, r.headers,
  r.body_bytes::double precision as body_bytes, encode(r.body_sha256, 'hex') as body_sha256
from rejected_requests r
  left join event_sources s on s.id = r.source_id and s.organization_id = r.organization_id
where r.organization_id is not distinct from $1::uuid and ($2::uuid is null or r.source_id = $2)
order by r.rejected_at desc, r.id desc
limit $3`;

/** Requests that were turned away, newest first: an organization's, or with null those to addresses no source has. */
export async function listRejectedRequests(
  sql: Sql,
  organizationId: string | null,
  { sourceId, limit }: { sourceId: string | null; limit: number },
): Promise<RejectedRequest[]> {
  const values = [organizationId, sourceId, limit];
  return (await sql.query<RejectedRequest>({ text: LIST_REJECTED, values })).rows;
}
