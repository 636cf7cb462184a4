import type { ListedEvent } from "./event-listing.ts";
import type { Sql } from "./pool.ts";

/** All that is known of one event, for operators; runs with the owner's rights. */
export interface EventDetails extends ListedEvent {
  delivery_key: string;
  content_type: string | null;
  /** As they were kept. */
  headers: Record<string, unknown>;
  provider_time: Date | null;
  is_known_type: boolean | null;
  is_text: boolean;
  body_bytes: number;
  /** In hexadecimal. */
  body_sha256: string;
  /** Reference of the secret it was signed with. */
  matched_secret: string | null;
  /** The rows of its own in the tables by source. */
  typed: { table: string; row: Record<string, unknown> }[];
  tries: Record<string, unknown>[];
  deliveries: Record<string, unknown>[];
  /** Rows of current state whose last change this event was. */
  wrote: { table: string; row: Record<string, unknown> }[];
}

const FIND = `
select e.id, e.received_at, e.source, s.name as source_name, e.event_type, e.action, e.status, e.repository, e.actor,
  e.attempts, e.replays, e.next_attempt_at, e.processed_at, e.error_class, e.error_message, e.delivery_key,
  e.content_type, e.headers, e.provider_time, e.is_known_type, e.is_text, octet_length(e.body) as body_bytes,
  encode(e.body_sha256, 'hex') as body_sha256, m.reference as matched_secret
from events e
  left join event_sources s on s.id = e.source_id and s.organization_id = e.organization_id
  left join event_source_secrets m on m.id = e.matched_secret_id and m.organization_id = e.organization_id
where e.organization_id = $1 and e.id = $2
order by e.received_at desc
limit 1`;

const OWN = `t.organization_id = $1 and t.event_id = $2 and t.received_at = $3`;

const TYPED = `
select 'github_events' as table, to_jsonb(t) as row from github_events t where ${OWN}
union all
select 'slack_events', to_jsonb(t) from slack_events t where ${OWN}
union all
select 'linear_events', to_jsonb(t) from linear_events t where ${OWN}
union all
select 'deployment_events', to_jsonb(t) from deployment_events t where ${OWN}`;

const TRIES = `
select to_jsonb(t) - array ['organization_id', 'event_id', 'event_received_at'] as row
from event_processing_logs t
where t.organization_id = $1 and t.event_id = $2 and t.started_at >= $3::timestamptz - interval '1 day'
order by t.started_at desc
limit 100`;

const DELIVERIES = `
select jsonb_build_object(
    'id', d.id, 'subscription', s.name, 'target_kind', s.target_kind, 'generation', d.generation, 'status', d.status,
    'attempts', d.attempts, 'next_attempt_at', d.next_attempt_at, 'last_attempt_at', d.last_attempt_at,
    'last_status', d.last_status, 'last_error', d.last_error, 'delivered_at', d.delivered_at
  ) as row
from event_deliveries d
  left join event_subscriptions s on s.organization_id = d.organization_id and s.id = d.subscription_id
where d.organization_id = $1 and d.event_id = $2 and d.event_received_at = $3
order by d.generation desc, s.name
limit 200`;

// A version's key is the delivery's name, in some tables after something else.
const VERSIONED = `t.organization_id = $1 and right(t.version_key, char_length($3::text)) = $3::text`;

const WROTE = `
select 'deployment_records' as table, to_jsonb(t) as row from deployment_records t
where t.organization_id = $1 and t.event_id = $2
union all
select 'tracked_items', to_jsonb(t) from tracked_items t where t.organization_id = $1 and t.event_id = $2
union all
select 'repositories', to_jsonb(t) from repositories t where ${VERSIONED}
union all
select 'repository_branches', to_jsonb(t) from repository_branches t where ${VERSIONED}
union all
select 'projects', to_jsonb(t) from projects t where ${VERSIONED}
limit 100`;

interface TableRow {
  table: string;
  row: Record<string, unknown>;
}
interface OneRow {
  row: Record<string, unknown>;
}

/** Null when the organization has no such event. */
export async function findEventDetails(
  sql: Sql,
  organizationId: string,
  id: string,
): Promise<EventDetails | null> {
  type Found = Omit<EventDetails, "typed" | "tries" | "deliveries" | "wrote">;
  const { rows } = await sql.query<Found>({ text: FIND, values: [organizationId, id] });
  const found = rows[0];
  if (found === undefined) return null;
  const own = [organizationId, id, found.received_at];
  const typed = await sql.query<TableRow>({ text: TYPED, values: own });
  const tries = await sql.query<OneRow>({ text: TRIES, values: own });
  const deliveries = await sql.query<OneRow>({ text: DELIVERIES, values: own });
  const wrote = await sql.query<TableRow>({ text: WROTE, values: [organizationId, id, found.delivery_key] });
  return {
    ...found,
    typed: typed.rows,
    tries: tries.rows.map(({ row }) => row),
    deliveries: deliveries.rows.map(({ row }) => row),
    wrote: wrote.rows,
  };
}

const FIND_BODY = `
select e.body from events e where e.organization_id = $1 and e.id = $2 and e.received_at = $3`;

/** The exact bytes that came. */
export async function findEventBody(
  sql: Sql,
  organizationId: string,
  event: { id: string; received_at: Date },
): Promise<Buffer | null> {
  const values = [organizationId, event.id, event.received_at];
  return (await sql.query<{ body: Buffer }>({ text: FIND_BODY, values })).rows[0]?.body ?? null;
}
