import { Client, escapeIdentifier, escapeLiteral } from "pg";

/**
 * Makes the login the functions use, or gives it this password: it has the rights of `netra_app` always and those of
 * `netra_system` only when it asks for them. Needs a superuser and the roles, which the first migration makes.
 */
export async function ensureServiceLogin(
  adminDatabaseUrl: string,
  login: { user: string; password: string },
): Promise<void> {
  const client = new Client({ connectionString: adminDatabaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const user = escapeIdentifier(login.user);
    const { rowCount } = await client.query("select 1 from pg_roles where rolname = $1", [login.user]);
    const verb = rowCount === 0 ? "create" : "alter";
    await client.query(`${verb} role ${user} login password ${escapeLiteral(login.password)}`);
    await client.query(`grant netra_app to ${user} with inherit true, set true`);
    await client.query(`grant netra_system to ${user} with inherit false, set true`);
  } finally {
    await client.end();
  }
}
