import type { Sql } from "../shared/postgres/pool.ts";
import { chooseOrganization, withDatabase } from "./admin-database.ts";
import type { ConnectionSource } from "./connection.ts";
import { findLocalOrganization, getAdminDatabaseUrl } from "./connection.ts";

/** Runs one transaction with the owner's rights, about one organization. */
export type InOrganization = <T>(work: (sql: Sql, organizationId: string) => Promise<T>) => Promise<T>;

/** For the organization that is wanted by id or slug, else the local server's or the only one there is. */
export function createInOrganization(
  source: ConnectionSource,
  wanted: string | undefined,
  applicationName: string,
): InOrganization {
  return async (work) =>
    await withDatabase(getAdminDatabaseUrl(source), applicationName, async (sql) => {
      const organization = await chooseOrganization(sql, wanted ?? findLocalOrganization(source), false);
      return await work(sql, organization.id);
    });
}
