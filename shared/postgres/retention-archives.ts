import type { Sql } from "./pool.ts";

export interface Archive {
  id: string;
  month: string;
  state: "early" | "detached" | "archived" | "exported" | "dropped" | "restored";
  location: string | null;
  manifestSha256: string | null;
}

const LIST = `
select id, month::text as month, state, location, encode(manifest_sha256, 'hex') as "manifestSha256"
from retention_archives order by month, created_at`;

export async function listArchives(sql: Sql): Promise<Archive[]> {
  return (await sql.query<Archive>(LIST)).rows;
}

export async function listArchiveTables(sql: Sql, month: string): Promise<string[]> {
  const { rows } = await sql.query<{ name: string }>("select name from archive_tables($1::date) as name", [
    month,
  ]);
  return rows.map(({ name }) => name);
}

export interface ArchivedRows {
  organizationId: string;
  rows: number;
}

/** How many rows of which organization a table of the archive holds. */
export async function countArchiveRows(sql: Sql, table: string): Promise<ArchivedRows[]> {
  const { rows } = await sql.query<{ organization_id: string; row_count: number }>(
    "select organization_id, row_count from count_archive_rows($1)",
    [table],
  );
  return rows.map(({ organization_id, row_count }) => ({
    organizationId: organization_id,
    rows: row_count,
  }));
}

export interface ArchiveColumn {
  name: string;
  type: string;
}

export async function listArchiveColumns(sql: Sql, table: string): Promise<ArchiveColumn[]> {
  return (
    await sql.query<ArchiveColumn>(
      "select column_name as name, data_type as type from list_archive_columns($1)",
      [table],
    )
  ).rows;
}

export interface RowKey {
  id: string;
  timestamp: string;
}

/** Before every other key. */
export const FIRST_KEY: RowKey = { id: "00000000-0000-0000-0000-000000000000", timestamp: "-infinity" };

/** The next rows of one organization, each the texts of its columns. Times are told in UTC. */
export async function readArchiveRows(
  sql: Sql,
  options: { table: string; organizationId: string; after: RowKey; rowsMax: number },
): Promise<(string | null)[][]> {
  const { table, organizationId, after, rowsMax } = options;
  const { rows } = await sql.query<{ texts: string }>(
    "select texts from read_archive_rows($1, $2, $3, $4::timestamptz, $5) as texts",
    [table, organizationId, after.id, after.timestamp, rowsMax],
  );
  return rows.map(({ texts }): (string | null)[] => JSON.parse(texts));
}

export async function deleteArchiveRows(
  sql: Sql,
  table: string,
  organizationId: string,
  rowsMax: number,
): Promise<number> {
  const { rows } = await sql.query<{ gone: number }>("select delete_archive_rows($1, $2, $3) as gone", [
    table,
    organizationId,
    rowsMax,
  ]);
  return rows[0]?.gone ?? 0;
}

export async function addArchiveRows(
  sql: Sql,
  month: string,
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): Promise<void> {
  await sql.query("select add_archive_rows($1::date, $2::text[], $3::jsonb)", [
    month,
    columns,
    JSON.stringify(rows),
  ]);
}

export async function setArchiveState(
  sql: Sql,
  id: string,
  state: Archive["state"],
  rows: number,
): Promise<void> {
  await sql.query(
    "update retention_archives set state = $2, row_count = $3, updated_at = clock_timestamp() where id = $1",
    [id, state, rows],
  );
}

/** Says where the files of an archive will be; what was exported before keeps its place. */
export async function setArchiveLocation(sql: Sql, id: string, location: string): Promise<void> {
  await sql.query("update retention_archives set location = $2 where id = $1 and manifest_sha256 is null", [
    id,
    location,
  ]);
}

export async function setManifest(
  sql: Sql,
  id: string,
  manifest: { location: string; sha256: Buffer; rows: number },
): Promise<void> {
  await sql.query(
    `update retention_archives set location = $2, manifest_sha256 = $3, row_count = $4, updated_at = clock_timestamp()
     where id = $1`,
    [id, manifest.location, manifest.sha256, manifest.rows],
  );
}

/** Drops the archive's tables of the month: of what was exported, or of what holds nothing. */
export async function dropArchiveTables(sql: Sql, id: string, state: "exported" | "dropped"): Promise<void> {
  await sql.query("select drop_archive_tables($1, $2)", [id, state]);
}

/** Puts the month back into the ledger and returns how many rows that were. */
export async function attachMonth(sql: Sql, month: string, heldUntil: number): Promise<number> {
  const { rows } = await sql.query<{ total: number }>(
    "select attach_executions_month($1::date, to_timestamp($2::double precision / 1000)) as total",
    [month, heldUntil],
  );
  return rows[0]?.total ?? 0;
}
