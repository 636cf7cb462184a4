import type { Sql } from "./pool.ts";

export const SCOPES = ["ingest", "read", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** What authentication needs to know of a key. */
export interface ApiKeyIdentity {
  id: string;
  organization_id: string;
  user_id: string;
  scopes: Scope[];
  is_active: boolean;
  expires_at: Date | null;
}

export interface ApiKey {
  id: string;
  organization_id: string;
  user_id: string;
  name: string;
  key_prefix: string;
  scopes: Scope[];
  is_active: boolean;
  last_used_at: Date | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  created_at: Date;
}

const COLUMNS =
  "id, organization_id, user_id, name, key_prefix, scopes, is_active, last_used_at, expires_at, revoked_at, created_at";

const FIND = "select id, organization_id, user_id, scopes, is_active, expires_at from find_api_key($1)";

/** The holder of the key with this SHA-256, in whatever state the key is, or null. Needs no organization to be set. */
export async function findApiKey(sql: Sql, keyHash: Buffer): Promise<ApiKeyIdentity | null> {
  const { rows } = await sql.query<ApiKeyIdentity>({ name: "find-api-key", text: FIND, values: [keyHash] });
  return rows[0] ?? null;
}

const TOUCH = `
update api_keys set last_used_at = current_timestamp
where id = $1 and (last_used_at is null or last_used_at < current_timestamp - interval '5 minutes')`;

/** Remembers that the key was used, to within five minutes. Runs in the key's organization. */
export async function touchApiKey(sql: Sql, id: string): Promise<void> {
  await sql.query({ text: TOUCH, values: [id] });
}

const INSERT = `
insert into api_keys (organization_id, user_id, name, key_hash, key_prefix, scopes, expires_at)
values ($1, $2, $3, $4, $5, $6, $7)
returning ${COLUMNS}`;

export interface NewApiKey {
  organizationId: string;
  userId: string;
  name: string;
  keyHash: Buffer;
  keyPrefix: string;
  scopes: readonly Scope[];
  expiresAt: Date | null;
}

export async function insertApiKey(sql: Sql, key: NewApiKey): Promise<ApiKey> {
  const { rows } = await sql.query<ApiKey>({
    text: INSERT,
    values: [key.organizationId, key.userId, key.name, key.keyHash, key.keyPrefix, key.scopes, key.expiresAt],
  });
  const inserted = rows[0];
  if (inserted === undefined) throw new Error("the insert of an API key returned nothing");
  return inserted;
}

const LIST = `select ${COLUMNS} from api_keys where organization_id = $1 order by created_at desc limit 1000`;

/** The organization's keys, newest first. */
export async function listApiKeys(sql: Sql, organizationId: string): Promise<ApiKey[]> {
  return (await sql.query<ApiKey>({ text: LIST, values: [organizationId] })).rows;
}

const REVOKE = `
update api_keys set is_active = false, revoked_at = coalesce(revoked_at, current_timestamp)
where organization_id = $1 and (id::text = $2 or key_prefix = $2)
returning ${COLUMNS}`;

/** Ends the key with this id or prefix; instances stop taking it within a minute. Null when the organization has none. */
export async function revokeApiKey(
  sql: Sql,
  organizationId: string,
  idOrPrefix: string,
): Promise<ApiKey | null> {
  return (await sql.query<ApiKey>({ text: REVOKE, values: [organizationId, idOrPrefix] })).rows[0] ?? null;
}
