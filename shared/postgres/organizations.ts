import type { Sql } from "./pool.ts";

export interface Organization {
  id: string;
  name: string;
  slug: string;
  is_demo: boolean;
}

const INSERT = `
insert into organizations (name, slug, is_demo) values ($1, $2, $3)
on conflict (slug) do update set slug = excluded.slug
returning id, name, slug, is_demo`;

/** The organization with this slug, made if there is none. Needs the owner's rights. */
export async function ensureOrganization(
  sql: Sql,
  organization: { name: string; slug: string; isDemo: boolean },
): Promise<Organization> {
  const { rows } = await sql.query<Organization>({
    text: INSERT,
    values: [organization.name, organization.slug, organization.isDemo],
  });
  const row = rows[0];
  if (row === undefined) throw new Error("the insert of an organization returned nothing");
  return row;
}

const FIND = "select id, name, slug, is_demo from organizations where id::text = $1 or slug = $1";

export async function findOrganization(sql: Sql, idOrSlug: string): Promise<Organization | null> {
  return (await sql.query<Organization>({ text: FIND, values: [idOrSlug] })).rows[0] ?? null;
}

const LIST = "select id, name, slug, is_demo from organizations order by created_at limit 1000";

export async function listOrganizations(sql: Sql): Promise<Organization[]> {
  return (await sql.query<Organization>({ text: LIST })).rows;
}
