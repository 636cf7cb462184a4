import { createPool, type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import { type ProjectedRows, writeProjectedRows } from "../../shared/postgres/projected-rows.ts";
import { PROJECTED_TABLES } from "../../shared/postgres/projected-tables.ts";
import { createDatabases } from "./databases.ts";
import { asOwner, createTenant } from "./tenant.ts";

type StoredRow = Record<string, unknown>;

export interface ProjectedDatabase {
  adminDatabaseUrl: string;
  newOrganization: () => Promise<string>;
  /** Writes rows in one transaction of the organization. */
  write: (organizationId: string, rows: ProjectedRows) => Promise<void>;
  /** The rows of a table as the organization sees them, in a fixed order, without the times they were written at. */
  stored: (organizationId: string, table: string) => Promise<StoredRow[]>;
  /** The same of every table. */
  storedAll: (organizationId: string) => Promise<Record<string, StoredRow[]>>;
  close: () => Promise<void>;
}

/** A database of the caller's own that takes events received at one of the given moments. */
export async function createProjectedDatabase(receivedAt: readonly number[]): Promise<ProjectedDatabase> {
  const databases = await createDatabases();
  const { adminDatabaseUrl, databaseUrl } = databases;
  const pool: Pool = createPool({
    databaseUrl,
    connectionsMax: 4,
    applicationName: "test",
    log: () => undefined,
  });
  await asOwner(adminDatabaseUrl, async (sql) => {
    for (const table of ["github_events", "slack_events", "linear_events", "deployment_events"]) {
      for (const moment of receivedAt) {
        await sql.query("select ensure_event_partition($1, $2)", [table, new Date(moment)]);
      }
    }
  });
  const stored: ProjectedDatabase["stored"] = (organizationId, table) =>
    withOrganization(pool, organizationId, async (sql) => {
      const { rows } = await sql.query<{ row: StoredRow }>(
        `select to_jsonb(t) - 'created_at' - 'updated_at' - 'organization_id' as row
         from ${table} t order by (to_jsonb(t) - 'created_at' - 'updated_at')::text collate "C"`,
      );
      return rows.map(({ row }) => row);
    });
  return {
    adminDatabaseUrl,
    newOrganization: async () => (await createTenant(adminDatabaseUrl)).organizationId,
    write: (organizationId, rows) =>
      withOrganization(pool, organizationId, (sql) => writeProjectedRows(sql, organizationId, rows)),
    stored,
    storedAll: async (organizationId) =>
      Object.fromEntries(
        await Promise.all(
          Object.keys(PROJECTED_TABLES).map(async (table): Promise<[string, StoredRow[]]> => [
            table,
            await stored(organizationId, table),
          ]),
        ),
      ),
    async close() {
      await pool.end();
      await databases.close();
    },
  };
}

/** Rows of several events in one batch. */
export function joinProjectedRows(parts: readonly ProjectedRows[]): ProjectedRows {
  const joined: Record<string, ProjectedRows[keyof ProjectedRows]> = {};
  for (const part of parts) {
    for (const [table, rows] of Object.entries(part)) joined[table] = [...(joined[table] ?? []), ...rows];
  }
  return joined;
}
