import type { SourceKind } from "../event-source.ts";
import type { Sql } from "./pool.ts";

/** A secret of a source by reference; `not_after` in milliseconds since 1970, or null while it holds without end. */
export interface SourceSecret {
  id: string;
  reference: string;
  not_after: number | null;
}

export interface EventSource {
  id: string;
  organization_id: string;
  kind: SourceKind;
  status: "active" | "disabled";
  config: Record<string, unknown>;
  /** Newest first. */
  secrets: SourceSecret[];
}

const FIND = "select id, organization_id, kind, status, config, secrets from find_event_source($1)";

/** The source behind a public address; needs no tenant, because the address is what names it. */
export async function findEventSource(sql: Sql, endpointId: string): Promise<EventSource | null> {
  const { rows } = await sql.query<EventSource>({
    name: "find-event-source",
    text: FIND,
    values: [endpointId],
  });
  return rows[0] ?? null;
}

const TOUCH = `
update event_source_secrets set last_matched_at = current_timestamp
where id = any ($1::uuid[]) and (last_matched_at is null or last_matched_at < current_timestamp - interval '1 minute')`;

/** Notes that these secrets were what signatures were made with. Runs in a transaction of the organization. */
export async function touchSourceSecrets(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.query({ text: TOUCH, values: [ids] });
}

/** What follows is for operators and runs with the owner's rights. */
export interface ListedSource {
  id: string;
  organization_id: string;
  kind: SourceKind;
  endpoint_id: string;
  name: string;
  status: "active" | "disabled";
  config: Record<string, unknown>;
  created_at: Date;
  secrets: {
    id: string;
    reference: string;
    not_after: string | null;
    last_matched_at: string | null;
    created_at: string;
  }[];
  last_received_at: Date | null;
}

const LISTED = `
select s.id, s.organization_id, s.kind, s.endpoint_id, s.name, s.status, s.config, s.created_at,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'id', e.id, 'reference', e.reference, 'not_after', e.not_after, 'last_matched_at', e.last_matched_at,
      'created_at', e.created_at
    ) order by e.created_at desc, e.id)
    from event_source_secrets e where e.organization_id = s.organization_id and e.source_id = s.id
  ), '[]') as secrets,
  (select max(k.received_at) from event_keys k where k.source_id = s.id) as last_received_at
from event_sources s
where s.organization_id = $1`;

export async function listEventSources(sql: Sql, organizationId: string): Promise<ListedSource[]> {
  const text = `${LISTED} order by s.created_at, s.id`;
  return (await sql.query<ListedSource>({ text, values: [organizationId] })).rows;
}

/** A source by its id, endpoint id or name. */
export async function findListedSource(
  sql: Sql,
  organizationId: string,
  idOrName: string,
): Promise<ListedSource | null> {
  const text = `${LISTED} and (s.id::text = $2 or s.endpoint_id = $2 or s.name = $2)`;
  return (await sql.query<ListedSource>({ text, values: [organizationId, idOrName] })).rows[0] ?? null;
}

const INSERT = `
insert into event_sources (organization_id, kind, endpoint_id, name, config)
values ($1, $2, $3, $4, $5)
on conflict (organization_id, name) do nothing
returning id`;

export class SourceNameTaken extends Error {
  constructor(name: string) {
    super(`there is a source "${name}" already`);
    this.name = "SourceNameTaken";
  }
}

/** Throws SourceNameTaken, also where two are made at once. */
export async function insertEventSource(
  sql: Sql,
  source: {
    organizationId: string;
    kind: SourceKind;
    endpointId: string;
    name: string;
    config: Readonly<Record<string, unknown>>;
  },
): Promise<string> {
  const { organizationId, kind, endpointId, name, config } = source;
  const { rows } = await sql.query<{ id: string }>({
    text: INSERT,
    values: [organizationId, kind, endpointId, name, config],
  });
  const id = rows[0]?.id;
  if (id === undefined) throw new SourceNameTaken(name);
  return id;
}

const INSERT_SECRET = `
insert into event_source_secrets (organization_id, source_id, reference) values ($1, $2, $3)`;

export async function insertSourceSecret(
  sql: Sql,
  organizationId: string,
  sourceId: string,
  reference: string,
): Promise<void> {
  await sql.query({ text: INSERT_SECRET, values: [organizationId, sourceId, reference] });
}

const EXPIRE_SECRETS = `
update event_source_secrets set not_after = $3
where organization_id = $1 and source_id = $2 and (not_after is null or not_after > $3)`;

/** Lets every secret the source has end at `notAfter`, unless it ends before. */
export async function expireSourceSecrets(
  sql: Sql,
  organizationId: string,
  sourceId: string,
  notAfter: Date,
): Promise<void> {
  await sql.query({ text: EXPIRE_SECRETS, values: [organizationId, sourceId, notAfter] });
}

const SET_STATUS = "update event_sources set status = $3 where organization_id = $1 and id = $2";

export async function setEventSourceStatus(
  sql: Sql,
  organizationId: string,
  sourceId: string,
  status: "active" | "disabled",
): Promise<void> {
  await sql.query({ text: SET_STATUS, values: [organizationId, sourceId, status] });
}
