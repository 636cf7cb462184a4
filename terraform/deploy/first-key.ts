import { createApiKey } from "../../shared/api-key.ts";
import { UsageError } from "./options.ts";

const SLUG = /^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$/;

/**
 * A new API key of an organization, and the SQL that makes both known: for a database that can be reached from a browser alone
 * (Cloud SQL Studio). The SQL holds the key's SHA-256 and not the key. Throws UsageError.
 */
export function makeFirstKey(slug: string): { key: string; sql: string } {
  if (!SLUG.test(slug)) {
    throw new UsageError(
      "--first-key takes an organization's short name: lower-case letters, digits and hyphens",
    );
  }
  const { key, hash, prefix } = createApiKey();
  const sql = `with organization as (
  insert into organizations (name, slug) values ('${slug}', '${slug}')
  on conflict (slug) do update set slug = excluded.slug
  returning id
), person as (
  insert into users (organization_id, email, role) select id, 'owner@${slug}.invalid', 'owner' from organization
  on conflict (organization_id, email) do update set email = excluded.email
  returning id, organization_id
)
insert into api_keys (organization_id, user_id, name, key_hash, key_prefix, scopes)
select organization_id, id, 'first key', '\\x${hash.toString("hex")}', '${prefix}', array['ingest', 'read', 'admin'] from person;
`;
  return { key, sql };
}
