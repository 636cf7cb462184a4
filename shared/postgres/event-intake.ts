import type { SourceKind } from "../event-source.ts";
import { encodeArray } from "./binary-array.ts";
import type { BinaryType } from "./binary-writer.ts";
import { type Pool, type Sql, withOrganization } from "./pool.ts";

/** An event as it is first written. The organization comes from its source, never from the row. */
export interface IntakeRow {
  id: string;
  /** Milliseconds since 1970, UTC. */
  received_at: number;
  source_id: string;
  source: SourceKind;
  event_type: string;
  action: string | null;
  delivery_key: string;
  /** What it says, as a SHA-256; null where its sender signs a name of it, and so saying it twice is no replay. */
  content_key: Buffer | null;
  body: Buffer;
  body_sha256: Buffer;
  is_text: boolean;
  content_type: string | null;
  headers: Readonly<Record<string, string>>;
  matched_secret_id: string | null;
}

const COLUMNS: readonly (readonly [Exclude<keyof IntakeRow, "is_text">, BinaryType])[] = [
  ["id", "uuid"],
  ["received_at", "timestamptz"],
  ["source_id", "uuid"],
  ["source", "text"],
  ["event_type", "text"],
  ["action", "text"],
  ["delivery_key", "text"],
  ["content_key", "bytea"],
  ["body", "bytea"],
  ["body_sha256", "bytea"],
  ["content_type", "text"],
  ["headers", "jsonb"],
  ["matched_secret_id", "uuid"],
];
const IS_TEXT = `$${COLUMNS.length + 2}`;
const ARRAYS = new Map(COLUMNS.map(([column, type], index) => [column, `$${index + 2}::${type}[]`]));
const ALL = COLUMNS.map(([column]) => `unnest(${ARRAYS.get(column)}) as ${column}`).join(", ");

function unnest(...columns: (keyof IntakeRow)[]): string {
  const known = new Map<keyof IntakeRow, string>(ARRAYS);
  return columns.map((column) => `unnest(${known.get(column)}) as ${column}`).join(", ");
}

/** How long the worker that was told of an event has before the sweep tells another. */
const FIRST_ATTEMPT = "interval '30 seconds'";

// One round trip: the statement sets its own tenant, keys decide what is new, contents what is a replay, and each waits
// for the same in other transactions. Both are written in their order, keys before contents, so that no two statements
// wait for each other.
const INSERT = `
with tenant as materialized (
  select set_config('app.organization_id', $1, true)::uuid as organization_id
), new_key as (
  insert into event_keys (organization_id, source_id, delivery_key, event_id, received_at)
  select organization_id, ${unnest("source_id", "delivery_key", "id", "received_at")} from tenant
  on conflict do nothing
  returning event_id
), new_content as (
  insert into event_content_keys (organization_id, source_id, content_key, event_id, received_at)
  select organization_id, source_id, content_key, id, received_at
  from (
    select tenant.organization_id, ${unnest("source_id", "content_key", "id", "received_at")} from tenant offset 0
  ) incoming
  where content_key is not null and id in (select event_id from new_key)
  order by source_id, content_key, id
  on conflict do nothing
  returning event_id
), stored as (
  insert into events (
    organization_id, id, received_at, source_id, source, event_type, action, delivery_key, body, body_sha256, is_text,
    content_type, headers, matched_secret_id, status, next_attempt_at, error_class, error_message
  )
  select
    organization_id, id, received_at, source_id, source, event_type, action, delivery_key, body, body_sha256,
    is_text = 1, content_type, headers, matched_secret_id,
    case when is_first then 'pending' else 'ignored' end,
    case when is_first then received_at + ${FIRST_ATTEMPT} end,
    case when not is_first then 'suspected_replay' end,
    case when not is_first then 'the same content came before under another name' ||
      case when source = 'github' then ' (repeatable_events in the config of a github source allows it)' else '' end
    end
  from (
    select *, content_key is null or id in (select event_id from new_content) as is_first
    from (select tenant.organization_id, ${ALL}, unnest(${IS_TEXT}::integer[]) as is_text from tenant offset 0) arrived
    where id in (select event_id from new_key)
    offset 0
  ) incoming
  returning id, status
)
select id, status from stored`;

/**
 * Stores what is new of the rows in one statement. Returns the status of each row that was stored: `pending`, or `ignored`
 * for a suspected replay. The others are repeats of what was there, or of one another. Rows are to be in the order of
 * their sources and delivery keys. Sets the organization itself: call it outside of a transaction.
 */
export async function insertEvents(
  sql: Sql,
  organizationId: string,
  rows: readonly IntakeRow[],
): Promise<Map<string, "pending" | "ignored">> {
  const arrays = COLUMNS.map(([column, type]) =>
    encodeArray(
      type,
      rows.map((row) => row[column]),
    ),
  );
  const isText = encodeArray(
    "integer",
    rows.map((row) => (row.is_text ? 1 : 0)),
  );
  const result = await sql.query<{ id: string; status: "pending" | "ignored" }>({
    name: "insert-events",
    text: INSERT,
    values: [organizationId, ...arrays, isText],
  });
  return new Map(result.rows.map(({ id, status }) => [id, status]));
}

/** An event that was there before. */
export interface RepeatedEvent {
  id: string;
  /** Milliseconds since 1970. */
  received_at: number;
  /** It had been given up or was past due, and waits for a worker anew. */
  is_resumed: boolean;
  /** It waits for its first attempt, or its worker is gone. */
  is_stuck: boolean;
}

// An event that was given up is taken up again when its sender sends it again; one that waits for its next attempt gets it
// when that is due.
const RESUME = `
with wanted as materialized (
  select unnest($1::uuid[]) as source_id, unnest($2::text[]) as delivery_key, unnest($3::integer[]) as position
), found as materialized (
  select w.position, k.organization_id, k.event_id, k.received_at
  from wanted w join event_keys k on k.source_id = w.source_id and k.delivery_key = w.delivery_key
), resumed as (
  update events e
  set status = 'pending', attempts = 0, next_attempt_at = now() + ${FIRST_ATTEMPT},
    error_class = null, error_message = null
  where (e.organization_id, e.id, e.received_at) in (select organization_id, event_id, received_at from found)
    and (e.status = 'dead_letter' or e.status = 'failed' and e.next_attempt_at <= now())
  returning e.id
)
select f.position, f.event_id as id, (extract(epoch from f.received_at) * 1000)::float8 as received_at,
  f.event_id in (select id from resumed) as is_resumed,
  coalesce(e.status = 'pending' or e.status = 'processing' and e.next_attempt_at <= now(), false) as is_stuck
from found f
  left join events e
    on e.organization_id = f.organization_id and e.id = f.event_id and e.received_at = f.received_at`;

/** What the keys stand for, each in its place; undefined where a key is not there. A given-up event becomes pending again. */
export async function resumeRepeats(
  pool: Pool,
  organizationId: string,
  keys: readonly Pick<IntakeRow, "source_id" | "delivery_key">[],
): Promise<(RepeatedEvent | undefined)[]> {
  const values = [
    keys.map((key) => key.source_id),
    keys.map((key) => key.delivery_key),
    keys.map((_, index) => index),
  ];
  const { rows } = await withOrganization(pool, organizationId, (sql) =>
    sql.query<RepeatedEvent & { position: number }>({ text: RESUME, values }),
  );
  const found = new Map(rows.map(({ position, ...event }) => [position, event]));
  return keys.map((_, index) => found.get(index));
}
