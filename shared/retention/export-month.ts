import {
  type Archive,
  type ArchiveColumn,
  countArchiveRows,
  dropArchiveTables,
  FIRST_KEY,
  listArchiveColumns,
  listArchiveTables,
  readArchiveRows,
  setArchiveLocation,
  type RowKey,
  setManifest,
} from "../postgres/retention-archives.ts";
import { noteRetention } from "../postgres/retention-runs.ts";
import type { ArchiveStore } from "./archive-store.ts";
import type { RetentionConnection } from "./connection.ts";
import {
  ArchiveDamaged,
  type ArchivePart,
  type Manifest,
  manifestBytes,
  readManifest,
  readPart,
  sha256,
} from "./manifest.ts";
import { digestOfRows, encodeParquet, type Texts } from "./parquet.ts";

/** Held in memory at once, as rows and as a file. */
const PART_ROWS = 10_000;

interface ExportOptions {
  connection: RetentionConnection;
  store: ArchiveStore;
  archive: Archive;
  now: number;
  step: (name: string) => Promise<void>;
}

/**
 * Writes an archived month to the store, a folder for each organization, reads all of it back, and only then drops its
 * tables. Names are made of the archive alone: a run that was cut off is done again over the same files. Throws
 * ArchiveDamaged when what is read is not what was written; the tables stay then.
 */
export async function exportMonth(options: ExportOptions): Promise<{ rows: number; location: string }> {
  const { connection, store, archive, now, step } = options;
  const folder = archiveFolder(archive);
  const path = `${folder}/manifest.json`;
  // Whoever erases knows from now on that there may be files.
  await connection.run((sql) => setArchiveLocation(sql, archive.id, path));
  const tables = await connection.run((sql) => listArchiveTables(sql, archive.month));
  const columns = await commonColumns(connection, tables);
  const parts: ArchivePart[] = [];
  let counted = 0;
  for (const table of tables) {
    for (const { organizationId, rows } of await connection.run((sql) => countArchiveRows(sql, table))) {
      counted += rows;
      await step(`export ${archive.month} of ${organizationId}`);
      for await (const texts of pagesOf(connection, table, organizationId, columns)) {
        const number = String(parts.length + 1).padStart(5, "0");
        const name = `${folder}/${organizationId}/part-${number}.parquet`;
        parts.push(await writePart(store, columns, { path: name, organizationId, texts }));
      }
    }
  }
  const manifest: Manifest = {
    format: "netra-archive/1",
    table: "command_executions",
    month: archive.month,
    archive_id: archive.id,
    created_at: new Date(now).toISOString(),
    rows: parts.reduce((sum, part) => sum + part.rows, 0),
    min_time: parts.map(({ min_time }) => min_time).toSorted()[0] ?? null,
    max_time:
      parts
        .map(({ max_time }) => max_time)
        .toSorted()
        .at(-1) ?? null,
    columns: columns.map(({ name, type }) => ({ name, type })),
    schema_version: sha256(JSON.stringify(columns)),
    parts,
  };
  if (manifest.rows !== counted) throw new ArchiveDamaged(`${folder} lacks rows of the archive`);
  const bytes = manifestBytes(manifest);
  await step(`write the manifest of ${archive.month}`);
  await store.put(path, bytes);
  await readManifest(store, path, sha256(bytes));
  await step(`drop the exported ${archive.month}`);
  await connection.run(async (sql) => {
    await setManifest(sql, archive.id, {
      location: path,
      sha256: Buffer.from(sha256(bytes), "hex"),
      rows: counted,
    });
    await dropArchiveTables(sql, archive.id, "exported");
    await noteRetention(sql, {
      organizationId: null,
      action: "retention.month_exported",
      about: archive.month,
      metadata: { rows: counted, location: `${store.location}/${path}` },
    });
  });
  return { rows: counted, location: `${store.location}/${path}` };
}

/** Where the files of an archive are, a folder for each organization below. */
export function archiveFolder({ month, id }: Pick<Archive, "month" | "id">): string {
  return `command_executions/${month.slice(0, 7)}/${id}`;
}

/** Tables of one month may differ in columns that came between. */
async function commonColumns(
  connection: RetentionConnection,
  tables: readonly string[],
): Promise<ArchiveColumn[]> {
  const lists = await Promise.all(
    tables.map((table) => connection.run((sql) => listArchiveColumns(sql, table))),
  );
  const names = new Map<string, ArchiveColumn>();
  for (const list of lists) for (const column of list) names.set(column.name, column);
  return [...names.values()];
}

async function* pagesOf(
  connection: RetentionConnection,
  table: string,
  organizationId: string,
  columns: readonly ArchiveColumn[],
): AsyncGenerator<Texts[]> {
  const own = await connection.run((sql) => listArchiveColumns(sql, table));
  const places = columns.map(({ name }) => own.findIndex((column) => column.name === name));
  const place = (name: string): number => own.findIndex((column) => column.name === name);
  let after: RowKey = FIRST_KEY;
  for (;;) {
    const from = after;
    const rows = await connection.run((sql) =>
      readArchiveRows(sql, { table, organizationId, after: from, rowsMax: PART_ROWS }),
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => places.map((index) => row[index] ?? null));
    after = { id: last[place("id")] ?? "", timestamp: last[place("timestamp")] ?? "" };
  }
}

async function writePart(
  store: ArchiveStore,
  columns: readonly ArchiveColumn[],
  { path, organizationId, texts }: { path: string; organizationId: string; texts: readonly Texts[] },
): Promise<ArchivePart> {
  const bytes = encodeParquet(columns, texts);
  const time = columns.findIndex(({ name }) => name === "timestamp");
  const times = texts.map((row) => row[time] ?? "").toSorted();
  const part: ArchivePart = {
    path,
    organization_id: organizationId,
    rows: texts.length,
    bytes: bytes.length,
    sha256: sha256(bytes),
    rows_sha256: digestOfRows(columns, texts),
    min_time: times[0] ?? "",
    max_time: times.at(-1) ?? "",
  };
  await store.put(path, bytes);
  await readPart(store, { columns: [...columns] }, part);
  return part;
}
