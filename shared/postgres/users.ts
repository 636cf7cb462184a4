import type { Sql } from "./pool.ts";

const ENSURE = `
insert into users (organization_id, email, name, role) values ($1, lower($2), $3, $4)
on conflict (organization_id, email) do update set email = excluded.email
returning id`;

/** The id of the organization's user with this e-mail address, made if there is none. Needs the owner's rights. */
export async function ensureUser(
  sql: Sql,
  user: {
    organizationId: string;
    email: string;
    name: string;
    role: "owner" | "admin" | "member" | "viewer";
  },
): Promise<string> {
  const { rows } = await sql.query<{ id: string }>({
    text: ENSURE,
    values: [user.organizationId, user.email, user.name, user.role],
  });
  const row = rows[0];
  if (row === undefined) throw new Error("the insert of a user returned nothing");
  return row.id;
}
