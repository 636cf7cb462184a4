import { Client } from "pg";
import type { Organization } from "../shared/postgres/organizations.ts";
import { ensureOrganization, findOrganization, listOrganizations } from "../shared/postgres/organizations.ts";
import type { Sql } from "../shared/postgres/pool.ts";
import { UsageError } from "./exit-codes.ts";

const CONNECT_MS = 5_000;
const STATEMENT_MS = 20_000;

/**
 * Runs `work` on one connection and in one transaction: what it does is either there whole or not at all. Throws an Error
 * whose message has no address in it when the database does not answer.
 */
export async function withDatabase<T>(
  databaseUrl: string,
  applicationName: string,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    application_name: applicationName,
  });
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new Error(`the database does not answer (${databaseFault(error)})`, { cause: error });
  }
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } finally {
    await client.end();
  }
}

/**
 * The organization a command is about: the wanted one by id or slug, made when `make` says so, or the only one there is.
 * Throws UsageError saying what to give when that does not name one.
 */
export async function chooseOrganization(
  sql: Sql,
  wanted: string | null,
  make: boolean,
): Promise<Organization> {
  if (wanted !== null) {
    const found = await findOrganization(sql, wanted);
    if (found !== null) return found;
    if (!make)
      throw new UsageError(`there is no organization "${wanted}" (netra keys create --new makes one)`);
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(wanted)) {
      throw new UsageError("a new organization is named by small letters, digits and hyphens");
    }
    return await ensureOrganization(sql, { name: wanted, slug: wanted, isDemo: false });
  }
  const [only, ...others] = await listOrganizations(sql);
  if (only === undefined) {
    throw new UsageError(
      "there is no organization yet: netra keys create --organization NAME --new makes one",
    );
  }
  if (others.length > 0)
    throw new UsageError("there are several organizations; say which with --organization");
  return only;
}

/** Never the message: drivers put addresses with passwords into it. */
function databaseFault(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "no connection";
}
