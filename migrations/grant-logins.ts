import { escapeIdentifier } from "pg";
import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { MigrationError } from "./migration-error.ts";
import { connectPostgres } from "./postgres-connection.ts";

/**
 * Lets logins work as functions: each may do what netra_app may, and may become netra_system for jobs, whose rights it must
 * not have otherwise. Can be repeated. Throws MigrationError when there is no such login, and then gives none its rights.
 */
export async function grantLogins(address: DatabaseAddress, logins: readonly string[]): Promise<void> {
  // What was not committed is undone with the connection.
  await using connection = await connectPostgres(address);
  const { client } = connection;
  const { rows } = await client.query<{ login: string }>(
    "select login from unnest($1::text[]) as login where not exists (select from pg_roles where rolname = login)",
    [logins],
  );
  if (rows.length > 0) {
    throw new MigrationError(
      `There is no login ${rows.map(({ login }) => login).join(", ")} in this server. Make it first (on Google Cloud Terraform does), then try again.`,
    );
  }
  await client.query("begin");
  for (const login of logins) {
    const name = escapeIdentifier(login);
    await client.query(`grant netra_app to ${name} with inherit true, set true`);
    await client.query(`grant netra_system to ${name} with inherit false, set true`);
  }
  await client.query("commit");
}
