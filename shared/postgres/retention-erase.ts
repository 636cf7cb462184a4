import type { Sql } from "./pool.ts";

export interface TenantTable {
  schema: string;
  table: string;
}

const LIST = `select schema_name as schema, table_name as "table" from list_tenant_tables()`;

/** Every table that holds rows of organizations, as the catalogue tells: a new one is among them. */
export async function listTenantTables(sql: Sql): Promise<TenantTable[]> {
  return (await sql.query<TenantTable>(LIST)).rows;
}

export async function countTenantRows(
  sql: Sql,
  { schema, table }: TenantTable,
  organizationId: string,
): Promise<number> {
  const { rows } = await sql.query<{ counted: number }>("select count_tenant_rows($1, $2, $3) as counted", [
    schema,
    table,
    organizationId,
  ]);
  return rows[0]?.counted ?? 0;
}

export async function eraseTenantRows(
  sql: Sql,
  { schema, table }: TenantTable,
  organizationId: string,
  rowsMax: number,
): Promise<number> {
  const { rows } = await sql.query<{ gone: number }>("select erase_tenant_rows($1, $2, $3, $4) as gone", [
    schema,
    table,
    organizationId,
    rowsMax,
  ]);
  return rows[0]?.gone ?? 0;
}

/** Erases what the relay sealed of the organization alone; returns how much is still to be delivered. */
export async function eraseSealedRows(sql: Sql, organizationId: string): Promise<number> {
  const { rows } = await sql.query<{ waiting: number }>("select erase_sealed_rows($1) as waiting", [
    organizationId,
  ]);
  return rows[0]?.waiting ?? 0;
}

/** Revokes the organization's keys and disables its sources and subscriptions. */
export async function closeOrganization(sql: Sql, organizationId: string): Promise<void> {
  await sql.query("select close_organization($1)", [organizationId]);
}

/** Removes the organization itself, with what hangs on it. Returns whether it was there. */
export async function eraseOrganizationRow(sql: Sql, organizationId: string): Promise<boolean> {
  const { rows } = await sql.query<{ gone: number }>("select erase_organization_row($1) as gone", [
    organizationId,
  ]);
  return (rows[0]?.gone ?? 0) > 0;
}
