import { createHash } from "node:crypto";
import { z } from "zod";
import type { ArchiveStore } from "./archive-store.ts";
import { decodeParquet, digestOfRows, type Texts } from "./parquet.ts";

const part = z.object({
  path: z.string(),
  organization_id: z.string(),
  rows: z.int().positive(),
  bytes: z.int().positive(),
  /** Of the file. */
  sha256: z.string(),
  /** Of the rows, however they are written. */
  rows_sha256: z.string(),
  min_time: z.string(),
  max_time: z.string(),
});
export type ArchivePart = z.output<typeof part>;

const manifestSchema = z.object({
  format: z.literal("netra-archive/1"),
  table: z.literal("command_executions"),
  month: z.string(),
  archive_id: z.string(),
  created_at: z.string(),
  rows: z.int().nonnegative(),
  min_time: z.string().nullable(),
  max_time: z.string().nullable(),
  /** The columns as they were when it was written: a restore fills those that came since with their defaults. */
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  /** Names this list of columns. */
  schema_version: z.string(),
  parts: z.array(part),
});
export type Manifest = z.output<typeof manifestSchema>;

export function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What was asked for is not what was stored: nothing may be dropped for it, nor restored from it. */
export class ArchiveDamaged extends Error {}

export function manifestBytes(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** The manifest as it is stored; throws ArchiveDamaged when it is not the one with this digest. */
export async function readManifest(store: ArchiveStore, path: string, expected: string): Promise<Manifest> {
  const bytes = await store.get(path);
  if (sha256(bytes) !== expected) throw new ArchiveDamaged(`${path} is not what was written`);
  return manifestSchema.parse(JSON.parse(bytes.toString()));
}

/** The rows of a part as they are stored; throws ArchiveDamaged when file, count or contents are not as the manifest says. */
export async function readPart(
  store: ArchiveStore,
  manifest: Pick<Manifest, "columns">,
  wanted: ArchivePart,
): Promise<Texts[]> {
  const bytes = await store.get(wanted.path);
  if (bytes.length !== wanted.bytes || sha256(bytes) !== wanted.sha256)
    throw new ArchiveDamaged(`${wanted.path} is not what was written`);
  const rows = await decodeParquet(manifest.columns, bytes);
  if (rows.length !== wanted.rows || digestOfRows(manifest.columns, rows) !== wanted.rows_sha256)
    throw new ArchiveDamaged(`${wanted.path} does not hold what was archived`);
  return rows;
}
